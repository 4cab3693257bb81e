// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { codedError } from '../coded.js';
import type { Context } from '../context.js';
import type { PluginSettings } from '../probe/cniConfig.js';
import { logError } from '../report.js';
import { type ChainState, keepInChain } from './chain.js';
import type { CniPlaces } from './places.js';

/** Installers write more than one file, and not in one go. */
const SETTLE_MS = 200;
/** Two that undo each other's work do it no more often than this. */
const MOST_MS = 60_000;
/** A look without a change that was told: of file systems that tell none, and of folders that come to be. */
const LOOK_MS = 30_000;

/**
 * Keeps our plugin in the chain for as long as the node is up, whatever other installers do: they rewrite the file, add another one that sorts before it,
 * or make the first one there is.
 *
 * @param ended ends it
 */
export async function watchChain(ctx: Context, places: CniPlaces, settings: PluginSettings, ended: AbortSignal): Promise<void> {
  let told = '';
  for (let pause = SETTLE_MS; !ended.aborted && !ctx.stop.aborted; ) {
    // Watched before it is looked at: nothing is missed in between.
    const watch = await watchPlaces(ctx, places, ended);
    const { state, trouble } = await look(ctx, places, settings);
    const now = trouble ?? state?.why ?? '';
    if (state?.changed === true) {
      pause = Math.min(pause * 2, MOST_MS);
      ctx.log.warn(`the node's CNI configuration was changed by others; kmesh-cni is in the chain of ${state.why}`);
    } else if (now !== told && told !== '' && trouble === undefined) ctx.log.info(`kmesh-cni: ${now}`);
    told = now;
    const quiet = !(await watch.change(LOOK_MS));
    watch.close();
    if (quiet && state?.changed !== true) pause = SETTLE_MS;
    else await ctx.sys.sleep(pause, ended);
  }

  async function look(...args: Parameters<typeof keepInChain>): Promise<{ readonly state?: ChainState; readonly trouble?: string }> {
    try {
      return { state: await keepInChain(...args) };
    } catch (thrown) {
      const error = codedError(ctx, thrown);
      if (error.message !== told) logError(ctx.log, ctx.options.logFormat, error, 'warn');
      return { trouble: error.message };
    }
  }
}

interface Watched {
  /** Whether something changes within this time, or has since it is watched. */
  change(ms: number): Promise<boolean>;
  close(): void;
}

/** Watches the folders, or the nearest ones above that are there. */
async function watchPlaces({ sys }: Context, { confDir, binDir }: CniPlaces, ended: AbortSignal): Promise<Watched> {
  const woken = new AbortController();
  let changed = false;
  const wake = (): void => woken.abort();
  ended.addEventListener('abort', wake);
  const folders = await Promise.all([confDir, binDir].map(async (folder) => {
    let at = folder;
    while (at !== '/' && (await sys.stat(at).catch(() => undefined))?.kind !== 'directory') at = path.dirname(at);
    return at;
  }));
  const watch = sys.watchFolders([...new Set(folders)], () => {
    changed = true;
    wake();
  });
  if (ended.aborted) wake();
  return {
    async change(ms) {
      await sys.sleep(ms, woken.signal);
      return changed;
    },
    close() {
      ended.removeEventListener('abort', wake);
      watch.close();
    },
  };
}
