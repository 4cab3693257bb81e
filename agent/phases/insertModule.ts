// SPDX-License-Identifier: Apache-2.0
import { situationOf } from '../capabilityReport.js';
import { type Context, need } from '../context.js';
import { drain } from '../module/drain.js';
import { loadedModule, MODULE_NAME } from '../module/loaded.js';
import { removeModule } from '../module/remove.js';
import { putInPlace, type Settled } from '../module/settle.js';
import type { Phase } from '../phase.js';
import { no, unknown, yes } from '../probe/fact.js';
import { l7Obstacles } from '../probe/l7.js';
import { refuseSecondAgent } from '../supervisor/processes.js';

/** What each run did to the module, so that a failed start takes back its own doing and nothing else. */
const changes = new WeakMap<Context, Settled['change']>();

/** Sees to it that the right kmesh.ko is in the kernel and takes connections over. */
export const insertModule: Phase = {
  name: 'insert-module',
  summary: 'load the kernel module kmesh.ko, or replace another build of it that is loaded',
  serves: 'l7-http',
  async when(ctx) {
    if (ctx.results.module !== undefined || (await loadedModule(ctx.sys)) !== undefined) return undefined;
    const skip = (await whyNoModule(ctx)) || 'no kmesh.ko was made';
    // What was in the way may be gone when the table of capabilities is made; the module is not there all the same.
    ctx.results.moduleState = no(skip);
    return { skip };
  },
  async run(ctx) {
    await refuseSecondAgent(ctx);
    const { loaded, change, how } = await putInPlace(ctx, ctx.results.module, (begun) => changes.set(ctx, begun));
    changes.set(ctx, change);
    const evidence = `kmesh.ko is in the kernel (build ${loaded.buildId?.slice(0, 12) ?? 'not known'}, ${how})`;
    ctx.results.moduleState = yes(evidence);
    ctx.log.info({ buildId: loaded.buildId, change }, evidence);
  },
  async plan(ctx) {
    const loaded = await loadedModule(ctx.sys);
    if (loaded !== undefined) return [`kmesh.ko is loaded (build ${loaded.buildId ?? 'not known'}); it would be kept if it is the build of this agent, else replaced`];
    const obstacles = await whyNoModule(ctx);
    return [obstacles === '' ? 'would run: insmod kmesh.ko' : `would be skipped: ${obstacles}`];
  },
  async undo(ctx, scope) {
    const change = changes.get(ctx);
    if (scope === 'all' || change === 'inserted') {
      if (await removeModule(ctx, change !== undefined)) ctx.log.info(`removed: module ${MODULE_NAME}`);
    } else if (change !== undefined && change !== 'kept') {
      // The programs of the earlier run are in force, but the link to the tracepoint of this module is not: requests
      // would be held back for nothing.
      await drain(ctx);
    }
  },
};

async function whyNoModule(ctx: Context): Promise<string> {
  const situation = await situationOf(ctx, unknown('the programs are not in force yet'));
  const obstacles = l7Obstacles(need(ctx, 'kernel'), situation);
  return obstacles.map(({ reason }) => reason).join('; ');
}
