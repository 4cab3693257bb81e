// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { PLUGIN } from '../probe/cniConfig.js';

/** Folders of the node, as this process sees them. */
export interface CniPlaces {
  readonly confDir: string;
  readonly binDir: string;
}

/** Where the host's folders are mapped (kmesh.yaml). */
const HOST = '/host';
const CONF_DIR = '/etc/cni/net.d';
const BIN_DIR = '/opt/cni/bin';

/** Folder of the host that plugin and daemon meet in (cni/protocol.h). */
export const RUN_DIR = '/var/run/kmesh';
export const SOCKET = path.join(RUN_DIR, 'cni.sock');
const LOGS = ['kmesh-cni.log', 'kmesh-cni.log.1'].map((name) => path.join(RUN_DIR, name));

async function place({ sys }: Context, given: string | undefined, usual: string): Promise<string> {
  if (given !== undefined) return given;
  const [, top = ''] = usual.split('/');
  return (await sys.stat(path.join(HOST, top)))?.kind === 'directory' ? path.join(HOST, usual) : usual;
}

export async function cniPlaces(ctx: Context): Promise<CniPlaces> {
  const { cniConfDir, cniBinDir } = ctx.options;
  return { confDir: await place(ctx, cniConfDir, CONF_DIR), binDir: await place(ctx, cniBinDir, BIN_DIR) };
}

/** Our plugin in the install folder. */
export const ownProgram = (ctx: Context): string => path.join(ctx.root, 'cni', PLUGIN);

/** The folder for the plugin's log and the socket; a node that lacks it loses the log, nothing else. */
export async function makeRunDir(ctx: Context): Promise<void> {
  await ctx.sys.makeFolders(RUN_DIR).catch((error: unknown) => ctx.log.warn(`${RUN_DIR} cannot be made (${(error as Error).message}): ${PLUGIN} will write no log`));
}

/** Removes the plugin's log, and the folder if nothing else is in it: in a pod it is a mount and stays. @throws KM_CNI_WRITE */
export async function removeRunDir(ctx: Context): Promise<void> {
  try {
    for (const log of LOGS) await ctx.sys.removeTree(log);
    await ctx.sys.removeEmptyFolder(RUN_DIR);
  } catch (error) {
    throw failure(ctx, 'KM_CNI_WRITE', `the log of ${PLUGIN} cannot be removed: ${(error as Error).message}`, { cause: error });
  }
}
