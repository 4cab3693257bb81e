// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { KmeshError } from '../errors.js';
import { PLUGIN, type PluginSettings } from '../probe/cniConfig.js';
import { callers, choose, type Chosen, type FolderContents, operations, refusal, settingsOf } from '../probe/cniFolder.js';
import { apply, isLink, readFolder } from './folder.js';
import type { CniPlaces } from './places.js';
import { installProgram, isInstalled, removeProgram } from './plugin.js';

/** How things are after a look at the folder. */
export interface ChainState {
  /** The file that our plugin is in; undefined: there is no configuration yet. */
  readonly chosen: string | undefined;
  /** For the log. */
  readonly why: string;
  readonly changed: boolean;
}

/** Somebody who writes as often as this while we do is at odds with us. */
const TRIES = 5;

/**
 * The configuration that the runtime uses, if our plugin may get into its chain.
 *
 * @returns undefined with the reason: there is none yet
 * @throws KM_CNI_CONFIG, KM_CNI_VERSION, KM_CNI_FOLDER
 */
export async function usable(ctx: Context, { confDir, binDir }: CniPlaces, contents: FolderContents | undefined): Promise<Chosen | { readonly none: string }> {
  if (contents === undefined) return { none: `there is no folder ${confDir}` };
  const choice = choose(contents);
  if ('unreadable' in choice) throw failure(ctx, 'KM_CNI_CONFIG', `${path.join(confDir, choice.unreadable)} cannot be read here (a link that leads out of what is mapped?); the runtime may well use it`);
  if ('none' in choice) return { none: `${confDir}: ${choice.none}` };
  const { chosen } = choice;
  const refused = refusal(contents, chosen);
  if (refused !== undefined) throw failure(ctx, refused.code, `${path.join(confDir, chosen.name)}: ${refused.why}`);
  if (await isLink(ctx.sys, path.join(confDir, chosen.name))) throw failure(ctx, 'KM_CNI_CONFIG', `${path.join(confDir, chosen.name)} is a link; a file in its place could not be taken back`);
  await requireBinDir(ctx, binDir, chosen);
  return chosen;
}

/** A plugin that the runtime does not find keeps every pod from starting: ours goes where the others are. */
async function requireBinDir(ctx: Context, binDir: string, { name, config: { types } }: Chosen): Promise<void> {
  const others = types.filter((type) => type !== PLUGIN);
  for (const type of others) if ((await ctx.sys.stat(path.join(binDir, path.basename(type)))) !== undefined) return;
  throw failure(ctx, 'KM_CNI_FOLDER', `none of the plugins of ${name} (${others.join(', ')}) is in ${binDir}: the runtime has them elsewhere, and would not find ${PLUGIN}`);
}

/**
 * Sees to our plugin in the chain of the node's CNI configuration, wherever that is now, and in no other. Looks again until there is nothing left to
 * do: what somebody else wrote meanwhile, or did not show for a moment, counts too.
 *
 * @throws KM_CNI_...: then our plugin is in no chain in which it would keep pods from starting
 */
export async function keepInChain(ctx: Context, places: CniPlaces, settings: PluginSettings): Promise<ChainState> {
  let changed = false;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const contents = await readFolder(ctx, places.confDir);
    const chosen = await usable(ctx, places, contents).catch((error: unknown) => outOfHarm(ctx, places, error));
    if ('none' in chosen || contents === undefined) {
      if (attempt > 0) return { chosen: undefined, why: 'none' in chosen ? chosen.none : '', changed };
      continue;
    }
    // First the program: a chain that names one that is not there starts no pod.
    changed = (await installProgram(ctx, places.binDir).catch((error: unknown) => outOfHarm(ctx, places, error))) || changed;
    const todo = operations(contents, { chosen, settings });
    if (todo.length === 0) return { chosen: chosen.name, why: `${path.join(places.confDir, chosen.name)} (${chosen.config.types.filter((type) => type !== PLUGIN).join(', ')})`, changed };
    changed = true;
    await apply(ctx, places.confDir, todo);
  }
  throw failure(ctx, 'KM_CNI_CONFIG', `${places.confDir} is changed by somebody else again and again`);
}

/** Others may have made the chain one of a version that ours would refuse, or have removed or replaced the program that it names. */
async function outOfHarm(ctx: Context, places: CniPlaces, error: unknown): Promise<never> {
  const refused = error instanceof KmeshError && error.code === 'KM_CNI_VERSION';
  if (refused || !(await isInstalled(ctx, places.binDir))) await keepOutOfChains(ctx, places);
  throw error;
}

/** Takes our plugin out of every chain. @returns whether it was in one @throws KM_CNI_... */
export async function keepOutOfChains(ctx: Context, { confDir }: CniPlaces): Promise<boolean> {
  let changed = false;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const contents = await readFolder(ctx, confDir);
    const todo = contents === undefined ? [] : operations(contents, undefined);
    if (todo.length === 0 && attempt > 0) return changed;
    changed = changed || todo.length > 0;
    if (todo.length > 0) await apply(ctx, confDir, todo);
  }
  throw failure(ctx, 'KM_CNI_CONFIG', `${confDir} is changed by somebody else again and again`);
}

/** How an earlier run set our plugin; undefined: it is in no chain. */
export async function foundSettings(ctx: Context, { confDir }: CniPlaces): Promise<PluginSettings | undefined> {
  const contents = await readFolder(ctx, confDir);
  return contents === undefined ? undefined : settingsOf(contents);
}

/**
 * Gives the node's CNI back as it would be without us: chains first, then the program, unless a configuration of others still calls it.
 *
 * @returns what was removed, for the log
 * @throws KM_CNI_...
 */
export async function removeFromNode(ctx: Context, places: CniPlaces): Promise<readonly string[]> {
  const removed = (await keepOutOfChains(ctx, places)) ? [`${PLUGIN} from the CNI chain in ${places.confDir}`] : [];
  const left = await readFolder(ctx, places.confDir);
  const calling = left === undefined ? [] : callers(left);
  if (calling.length > 0) {
    ctx.log.warn(`${path.join(places.binDir, PLUGIN)} stays, since ${calling.join(', ')} in ${places.confDir} still calls it, and no pod would start without; when that is over, \`node agent.js cleanup\` removes it`);
    return removed;
  }
  return (await removeProgram(ctx, places.binDir)) ? [...removed, path.join(places.binDir, PLUGIN)] : removed;
}
