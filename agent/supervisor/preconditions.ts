// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import type { HttpAnswer } from '../sys.js';
import { adminPort } from './command.js';
import { daemonProgram } from './pins.js';
import { readyUrl } from './readiness.js';

/** Time to see whether anybody answers on loopback. */
export const PORT_CHECK_MS = 1000;

/** @throws KM_DAEMON_MISSING */
export async function requireDaemonProgram(ctx: Context): Promise<void> {
  const program = daemonProgram(ctx);
  if ((await ctx.sys.stat(program))?.kind !== 'file') throw failure(ctx, 'KM_DAEMON_MISSING', `there is no ${program}`);
}

/** What answers on the port of the daemon's admin interface; undefined: nobody. */
export function askAdminPort(ctx: Context): Promise<HttpAnswer | undefined> {
  return ctx.sys.httpGet(readyUrl(adminPort(ctx.options.daemonArgs)), PORT_CHECK_MS);
}

/** @throws KM_DAEMON_PORT when somebody has answered there before a daemon was started */
export function refuseTakenPort(ctx: Context, answer: HttpAnswer | undefined): void {
  if (answer === undefined) return;
  const url = readyUrl(adminPort(ctx.options.daemonArgs));
  throw failure(ctx, 'KM_DAEMON_PORT', `something answers at ${url} before kmesh-daemon was started`);
}
