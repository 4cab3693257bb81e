// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { ExecError } from '../exec.js';
import { passesByItself } from '../probe/moduleRefusal.js';
import { toolFailure } from '../tool.js';
import { drain } from './drain.js';
import { whatHolds } from './holders.js';
import { runKmod } from './kmod.js';
import { loadedModule, MODULE_NAME, MODULE_SYSFS } from './loaded.js';
import { requestPins } from './pin.js';

/** BPF programs are freed some time after their last link is gone (RCU), and give up the tracepoint only then. */
const RETRY_FOR_MS = 5000;
const RETRY_MS = 100;

/**
 * Removes kmesh.ko as its users need it: no more takeovers, the connections that are held back go on, the pinned link to
 * its tracepoint is given up, then it is unloaded. A module of the same name that is not ours is left alone.
 *
 * @param ours this run loaded it, whatever it shows of itself now
 * @returns false: there was none of ours
 * @throws KM_MODULE_IN_USE naming what holds it, KM_MODULE_REMOVE, KM_MODULE_TOOL
 */
export async function removeModule(ctx: Context, ours = false): Promise<boolean> {
  const loaded = await loadedModule(ctx.sys);
  if (loaded === undefined) {
    if ((await ctx.sys.stat(MODULE_SYSFS)) === undefined) return false;
    throw failure(ctx, 'KM_MODULE_REMOVE', `${MODULE_SYSFS} is there, but /proc/modules cannot be read or does not list ${MODULE_NAME}`);
  }
  if (loaded.abi === undefined && !ours) {
    ctx.log.warn(`the loaded module ${MODULE_NAME} is not of this project (it has no parameter abi); it is left alone`);
    return false;
  }
  await drain(ctx);
  for (const pin of await requestPins(ctx)) await ctx.sys.removeTree(pin);
  await unload(ctx);
  return true;
}

async function unload(ctx: Context): Promise<void> {
  const { sys } = ctx;
  const deadline = sys.now() + RETRY_FOR_MS;
  for (;;) {
    const error = await runKmod(ctx, 'rmmod', [MODULE_NAME]).then(() => undefined, (thrown: unknown) => thrown);
    // Gone is gone, whoever did it and whatever rmmod says.
    if ((await loadedModule(sys)) === undefined) return;
    const tail = error instanceof ExecError ? error.failure.tail : [];
    if (error instanceof ExecError && error.failure.errno !== undefined) throw toolFailure(ctx, 'KM_MODULE_TOOL', 'rmmod', error);
    if (error !== undefined && !passesByItself(tail)) throw toolFailure(ctx, 'KM_MODULE_REMOVE', `${MODULE_NAME} could not be removed`, error);
    if (sys.now() >= deadline) throw failure(ctx, 'KM_MODULE_IN_USE', `${MODULE_NAME} is in use: ${await whatHolds(ctx)}`, { tail, cause: error });
    await sys.sleep(RETRY_MS);
  }
}
