// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import type { Context } from '../context.js';
import { type Fact, no, yes } from '../probe/fact.js';

const POLL_MS = 50;
const SLOW_POLL_MS = 500;
/** The daemon of a warm start is ready by then; a control plane that is away may take for ever. */
const SLOW_AFTER_MS = 5000;
const ANSWER_MS = 2000;

/** Of the body of a 200 of /healthz/ready: whether requests are routed by their heads, and why not. */
const ready = z.object({ l7: z.object({ state: z.enum(['on', 'off']), reason: z.string().max(2000) }) });

/** What a daemon that is ready says of itself. */
export interface Ready {
  /** undefined: it does not say. */
  readonly requestPrograms: Fact | undefined;
}

/** Body of a 503 of /healthz/ready: why the daemon is not ready. */
const notReady = z.object({ code: z.string().max(100).optional(), reason: z.string().max(2000) });

/**
 * Asks the daemon until it says that it is ready. There is no time limit: a control plane that is away is no
 * reason to give up. Each new reason is logged once.
 *
 * @returns undefined when `end` was aborted first
 */
export async function waitUntilReady(ctx: Context, port: number, end: AbortSignal): Promise<Ready | undefined> {
  const url = readyUrl(port);
  const started = ctx.sys.now();
  let told = '';
  while (!end.aborted) {
    const answer = await ctx.sys.httpGet(url, ANSWER_MS);
    if (end.aborted) break;
    if (answer?.status === 200) return { requestPrograms: requestProgramsFact(answer.body) };
    const why = answer === undefined ? undefined : reasonOf(answer.body);
    if (why !== undefined && why !== told) {
      ctx.log.info({ waitingFor: why }, `kmesh-daemon is not ready yet: ${why}`);
      told = why;
    }
    await ctx.sys.sleep(ctx.sys.now() - started < SLOW_AFTER_MS ? POLL_MS : SLOW_POLL_MS, end);
  }
  return undefined;
}

export const readyUrl = (port: number): string => `http://127.0.0.1:${port}/healthz/ready`;

/** What a body of /healthz/ready says of the programs for requests; undefined: nothing. */
export function requestProgramsFact(body: string): Fact | undefined {
  try {
    const { state, reason } = ready.parse(JSON.parse(body)).l7;
    return state === 'on' ? yes(reason) : no(reason);
  } catch {
    return undefined;
  }
}

function reasonOf(body: string): string {
  try {
    const { code, reason } = notReady.parse(JSON.parse(body));
    return code === undefined ? reason : `${code}: ${reason}`;
  } catch {
    return 'it answers, but does not say why';
  }
}
