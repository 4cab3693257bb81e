// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import type { Context } from '../context.js';
import { type Fact, no, yes } from '../probe/fact.js';

/** Of the body of a 200 of /healthz/ready: whether requests are routed by their heads, and why not. */
const ready = z.object({ l7: z.object({ state: z.enum(['on', 'off']), reason: z.string().max(2000) }) });

/** Body of a 503 of /healthz/ready: why the daemon is not ready, and whether that can come from the control plane. */
const notReady = z.object({ code: z.string().max(100).optional(), reason: z.string().max(2000), waitsFor: z.enum(['configuration', 'itself']).default('configuration') });

/** What was seen of the daemon at one look. */
export type Sight =
  | { readonly kind: 'ready'; /** undefined: it does not say. */ readonly requestPrograms: Fact | undefined }
  /** It waits for its control plane: another process would wait alike. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** It has what it needs and is not ready all the same. */
  | { readonly kind: 'failing'; readonly reason: string }
  | { readonly kind: 'silent' };

/** Asks the daemon how it is. That it answers is its heartbeat: it has one thread, which does everything. */
export async function look(ctx: Context, port: number, timeoutMs: number): Promise<Sight> {
  const answer = await ctx.sys.httpGet(readyUrl(port), timeoutMs);
  if (answer === undefined) return { kind: 'silent' };
  if (answer.status === 200) return { kind: 'ready', requestPrograms: requestProgramsFact(answer.body) };
  return trouble(answer.body);
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

function trouble(body: string): Sight {
  try {
    const { code, reason, waitsFor } = notReady.parse(JSON.parse(body));
    return { kind: waitsFor === 'configuration' ? 'waiting' : 'failing', reason: code === undefined ? reason : `${code}: ${reason}` };
  } catch {
    return { kind: 'failing', reason: 'it answers, but does not say why' };
  }
}
