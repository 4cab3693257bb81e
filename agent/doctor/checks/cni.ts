// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { managed } from '../../cluster/manage.js';
import { foundSettings, usable } from '../../cni/chain.js';
import { readFolder } from '../../cni/folder.js';
import { cniPlaces, ownProgram, SOCKET } from '../../cni/places.js';
import { installedProgram, readOwnProgram } from '../../cni/plugin.js';
import type { Context } from '../../context.js';
import { KmeshError } from '../../errors.js';
import { PLUGIN } from '../../probe/cniConfig.js';
import { couldNotLook } from '../blind.js';
import { type Finding, type Group, ok, warning } from '../check.js';
import type { Examination } from '../examination.js';

/** What install-cni builds on. Whatever is wrong there, a start goes on without it. */
export const cniChecks: Group = {
  title: 'CNI plugin kmesh-cni',
  questions: [
    { name: 'CNI configuration', look: async ({ ctx }) => forgivable(ctx, await isWanted(ctx), lookAtConfiguration) },
    { name: 'CNI chain', look: ({ ctx }) => forgivable(ctx, true, lookAtChain) },
    { name: 'kmesh-cni', look: async ({ ctx }) => forgivable(ctx, await isWanted(ctx), lookAtProgram) },
    { name: 'CNI socket', look: lookAtSocket },
  ],
};

const isWanted = async (ctx: Context): Promise<boolean> => ctx.options.installCni === 'yes' || (ctx.options.installCni === 'auto' && (await managed(ctx)).manage === 'labelled');
const NOT_WANTED = 'not looked at: a start does not install it (--install-cni, --manage)';

/** A start fails by it only where --require asks for it. */
async function forgivable(ctx: Context, looked: boolean, look: (ctx: Context) => Promise<Finding>): Promise<Finding> {
  if (!looked) return ok(NOT_WANTED);
  try {
    return await look(ctx);
  } catch (error) {
    if (!(error instanceof KmeshError) || couldNotLook(error) !== undefined || ctx.options.require.includes('pod-management')) throw error;
    return warning(error.message, error.remedy);
  }
}

async function lookAtConfiguration(ctx: Context): Promise<Finding> {
  const places = await cniPlaces(ctx);
  const chosen = await usable(ctx, places, await readFolder(ctx, places.confDir));
  if ('none' in chosen) return warning(chosen.none, 'Nothing, if the network of the node is still to be installed: the agent waits for it. Else name its folder with --cni-conf-dir.');
  return ok(`${path.join(places.confDir, chosen.name)}, version ${chosen.config.versions.join(', ')}: ${chosen.config.types.join(', ')}`);
}

async function lookAtChain(ctx: Context): Promise<Finding> {
  const places = await cniPlaces(ctx);
  const found = await foundSettings(ctx, places);
  if (found === undefined) return ok(`${PLUGIN} is in no chain of ${places.confDir}${(await isWanted(ctx)) ? ' yet; a start puts it there' : ''}`);
  return ok(`${PLUGIN} is in the chain, cniFailure ${found.cniFailure}${(await isWanted(ctx)) ? '' : '; a start takes it out'}`);
}

async function lookAtProgram(ctx: Context): Promise<Finding> {
  const { binDir } = await cniPlaces(ctx);
  const there = await installedProgram(ctx, binDir, await readOwnProgram(ctx));
  const inFolder = { same: `and so is the copy in ${binDir}`, other: `the copy in ${binDir} is of another version; a start replaces it`, none: `not copied to ${binDir} yet` };
  return ok(`${ownProgram(ctx)} is whole; ${inFolder[there]}`);
}

/** With deny the daemon's silence keeps pods from starting. */
async function lookAtSocket({ ctx }: Examination): Promise<Finding> {
  if ((await ctx.sys.stat(SOCKET)) !== undefined) return ok(`${SOCKET} is there`);
  const denied = (await foundSettings(ctx, await cniPlaces(ctx)).catch(() => undefined))?.cniFailure === 'deny';
  return denied ? warning(`there is no ${SOCKET}, and ${PLUGIN} is set to deny: no pod starts`, 'Start the agent with --cni-failure=allow, or end this one with `node agent.js cleanup`.') : ok(`no ${SOCKET}: pods start all the same`);
}
