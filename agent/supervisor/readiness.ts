// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import type { Context } from '../context.js';
import { type Fact, no, yes } from '../probe/fact.js';

/** Of the body of a 200 of /healthz/ready: what is on, or why it is not. */
const state = z.object({ state: z.enum(['on', 'off']), reason: z.string().max(2000) });

/** Body of a 503 of /healthz/ready: why the daemon is not ready, and whether that can come from the control plane. */
const notReady = z.object({ code: z.string().max(100).optional(), reason: z.string().max(2000), waitsFor: z.enum(['configuration', 'itself']).default('configuration') });

/** What a ready daemon says of itself; undefined: it does not say. */
export interface Told {
  /** Requests are routed by their heads. */
  readonly requestPrograms: Fact | undefined;
  /** Labels decide which pods are in the mesh. */
  readonly podPrograms: Fact | undefined;
}

/** What was seen of the daemon at one look. */
export type Sight =
  | { readonly kind: 'ready'; readonly told: Told }
  /** It waits for its control plane: another process would wait alike. */
  | { readonly kind: 'waiting'; readonly reason: string }
  /** It has what it needs and is not ready all the same. */
  | { readonly kind: 'failing'; readonly reason: string }
  | { readonly kind: 'silent' };

/** Asks the daemon how it is. That it answers is its heartbeat: it has one thread, which does everything. */
export async function look(ctx: Context, port: number, timeoutMs: number): Promise<Sight> {
  const answer = await ctx.sys.httpGet(readyUrl(port), timeoutMs);
  if (answer === undefined) return { kind: 'silent' };
  if (answer.status === 200) return { kind: 'ready', told: toldOf(answer.body) };
  return trouble(answer.body);
}

export const readyUrl = (port: number): string => `http://127.0.0.1:${port}/healthz/ready`;

/** What a body of /healthz/ready says besides. */
export function toldOf(body: string): Told {
  const said = members(body);
  return { requestPrograms: factOf(said['l7']), podPrograms: factOf(said['pods']) };
}

/** Keeps what was told for the table of capabilities. */
export function take(results: Context['results'], { requestPrograms, podPrograms }: Told): void {
  if (requestPrograms !== undefined) results.requestPrograms = requestPrograms;
  if (podPrograms !== undefined) results.podPrograms = podPrograms;
}

function members(body: string): Readonly<Record<string, unknown>> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(body));
  } catch {
    return {};
  }
}

function factOf(said: unknown): Fact | undefined {
  const found = state.safeParse(said).data;
  return found && (found.state === 'on' ? yes(found.reason) : no(found.reason));
}

function trouble(body: string): Sight {
  try {
    const { code, reason, waitsFor } = notReady.parse(JSON.parse(body));
    return { kind: waitsFor === 'configuration' ? 'waiting' : 'failing', reason: code === undefined ? reason : `${code}: ${reason}` };
  } catch {
    return { kind: 'failing', reason: 'it answers, but does not say why' };
  }
}
