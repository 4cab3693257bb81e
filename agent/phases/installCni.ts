// SPDX-License-Identifier: Apache-2.0
import { managed } from '../cluster/manage.js';
import { foundSettings, keepInChain, removeFromNode, usable } from '../cni/chain.js';
import { readFolder } from '../cni/folder.js';
import { type CniPlaces, cniPlaces, makeRunDir, ownProgram, removeRunDir } from '../cni/places.js';
import { watchChain } from '../cni/watch.js';
import type { Context } from '../context.js';
import type { Phase } from '../phase.js';
import { entryText, PLUGIN, type PluginSettings } from '../probe/cniConfig.js';

interface Change {
  readonly places: CniPlaces;
  /** How an earlier run had set the plugin; undefined: it was in no chain. */
  readonly found: PluginSettings | undefined;
}

const changes = new WeakMap<Context, Change>();

/** undefined: the plugin is not to be on this node. */
async function wanted(ctx: Context): Promise<PluginSettings | undefined> {
  const { installCni: choice, cniFailure } = ctx.options;
  return choice === 'yes' || (choice === 'auto' && (await managed(ctx)).manage === 'labelled') ? { cniFailure } : undefined;
}

const whyNot = async (ctx: Context): Promise<string> => (ctx.options.installCni === 'no' ? '--install-cni=no' : `--install-cni=auto, and the connections of every process are steered (${(await managed(ctx)).why})`);

/** Sees to kmesh-cni behind the node's own CNI plugins, or that it is not there. */
export const installCni: Phase = {
  name: 'install-cni',
  summary: "put kmesh-cni behind the node's own CNI plugins, where labels decide which pods are in the mesh",
  serves: 'pod-management',
  async when(ctx) {
    if ((await wanted(ctx)) !== undefined) return undefined;
    // A chain that an earlier run extended goes back to what it was.
    const found = await foundSettings(ctx, await cniPlaces(ctx)).catch(() => undefined);
    return found === undefined ? { skip: await whyNot(ctx) } : undefined;
  },
  async run(ctx) {
    const [settings, places] = [await wanted(ctx), await cniPlaces(ctx)];
    changes.set(ctx, { places, found: await foundSettings(ctx, places) });
    if (settings === undefined) {
      const removed = await removeFromNode(ctx, places);
      ctx.log.info(`removed: ${removed.join(', ')} (${await whyNot(ctx)})`);
      return;
    }
    await makeRunDir(ctx);
    const { chosen, why, changed } = await keepInChain(ctx, places, settings);
    if (chosen === undefined) ctx.log.warn(`${why}; ${PLUGIN} is put into the chain as soon as there is a CNI configuration`);
    else ctx.log.info({ file: chosen, changed }, `${PLUGIN} is in the chain of ${why}${changed ? '' : ', as before'}; when kmesh-daemon is away, pods ${settings.cniFailure === 'deny' ? 'do not start' : 'start all the same'}`);
  },
  async plan(ctx) {
    const [settings, places] = [await wanted(ctx), await cniPlaces(ctx)];
    if (settings === undefined) return [(await foundSettings(ctx, places)) === undefined ? `would be skipped: ${await whyNot(ctx)}` : `would take ${PLUGIN} out of the chain in ${places.confDir}: ${await whyNot(ctx)}`];
    const chosen = await usable(ctx, places, await readFolder(ctx, places.confDir));
    if ('none' in chosen) return [`would wait for a CNI configuration: ${chosen.none}`];
    return [`would copy ${ownProgram(ctx)} to ${places.binDir} and put ${entryText(settings)} into the chain of ${chosen.name} in ${places.confDir}, unless both are there`];
  },
  async tend(ctx, ended) {
    const settings = await wanted(ctx);
    const places = changes.get(ctx)?.places ?? (await cniPlaces(ctx).catch(() => undefined));
    // Also where `run` failed: what was in the way may go.
    if (settings !== undefined && places !== undefined) await watchChain(ctx, places, settings, ended);
  },
  async undo(ctx, scope) {
    const change = changes.get(ctx);
    // It failed before it did anything; what an earlier run did goes with the rest all the same.
    if (change === undefined && scope === 'run') return;
    const { found, places } = change ?? { found: undefined, places: await cniPlaces(ctx) };
    if (scope === 'run' && found !== undefined) {
      // What an earlier run left working goes on, as it was set.
      await keepInChain(ctx, places, found);
      return;
    }
    const removed = await removeFromNode(ctx, places);
    await removeRunDir(ctx);
    if (removed.length > 0) ctx.log.info(`removed: ${removed.join(', ')}`);
  },
};
