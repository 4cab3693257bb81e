// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import { isErrno } from '../sys.js';
import { ACCEPTING, loadedModule, moduleNumber } from './loaded.js';

const POLL_MS = 20;
/** The fallback time of the module where it does not say; its own default (kernel/, parameter fallback_ms). */
const FALLBACK_MS = 1000;
/** For connections that go on when their fallback time is over, until they have. */
const MARGIN_MS = 1000;

/**
 * Has the module take over no more sockets and waits until those that it holds back have gone on. Done while the
 * connect hook is still in place, so that they go where an address's default decision leads.
 *
 * @returns how many are held back still after the time that they may take
 */
export async function drain(ctx: Context): Promise<number> {
  const { sys, log } = ctx;
  if ((await loadedModule(sys))?.abi === undefined) return 0;
  await setAccepting(ctx, false);
  const started = sys.now();
  const limit = ((await moduleNumber(sys, 'parameters/fallback_ms')) ?? FALLBACK_MS) + MARGIN_MS;
  const first = await deferred(ctx);
  let left = first;
  while (left > 0 && sys.now() - started < limit) {
    await sys.sleep(POLL_MS);
    left = await deferred(ctx);
  }
  if (first > 0) log.info({ first, left, ms: Math.round(sys.now() - started) }, `kmesh.ko held back ${first} connections, now ${left}`);
  return left;
}

/** Switches takeovers on or off; false: the module is not there any more. */
export async function setAccepting({ sys }: Context, on: boolean): Promise<boolean> {
  try {
    await sys.writeExisting(ACCEPTING, on ? '1' : '0');
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}

const deferred = async ({ sys }: Context): Promise<number> => (await moduleNumber(sys, 'counters/deferred')) ?? 0;
