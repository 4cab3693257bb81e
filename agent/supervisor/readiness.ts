// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { Context } from '../context.js';

const POLL_MS = 50;
const SLOW_POLL_MS = 500;
/** The daemon of a warm start is ready by then; a control plane that is away may take for ever. */
const SLOW_AFTER_MS = 5000;
const ANSWER_MS = 2000;

/** Body of a 503 of /healthz/ready: why the daemon is not ready. */
const notReady = z.object({ code: z.string().max(100).optional(), reason: z.string().max(2000) });

/**
 * Asks the daemon until it says that it is ready. There is no time limit: a control plane that is away is no
 * reason to give up. Each new reason is logged once.
 *
 * @returns false when `end` was aborted first
 */
export async function waitUntilReady(ctx: Context, port: number, end: AbortSignal): Promise<boolean> {
  const url = readyUrl(port);
  const started = ctx.sys.now();
  let told = '';
  while (!end.aborted) {
    const answer = await ctx.sys.httpGet(url, ANSWER_MS);
    if (end.aborted) break;
    if (answer?.status === 200) return true;
    const why = answer === undefined ? undefined : reasonOf(answer.body);
    if (why !== undefined && why !== told) {
      ctx.log.info({ waitingFor: why }, `kmesh-daemon is not ready yet: ${why}`);
      told = why;
    }
    await ctx.sys.sleep(ctx.sys.now() - started < SLOW_AFTER_MS ? POLL_MS : SLOW_POLL_MS, end);
  }
  return false;
}

export const readyUrl = (port: number): string => `http://127.0.0.1:${port}/healthz/ready`;

function reasonOf(body: string): string {
  try {
    const { code, reason } = notReady.parse(JSON.parse(body));
    return code === undefined ? reason : `${code}: ${reason}`;
  } catch {
    return 'it answers, but does not say why';
  }
}
