// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';

/** Limits of cni/protocol.h; a test compares. */
export const CNI_VERSION = 1;
export const REQUEST_MAX = 8192;
export const ANSWER_MAX = 4096;

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
const number = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/** A path in the host's /proc that leads to the namespace for as long as the plugin waits. */
const handle = z.string().regex(/^\/proc\/[1-9][0-9]{0,9}\/fd\/[0-9]{1,10}$/);

const netns = z.object({
  path: z.string().min(1).max(4096),
  device: number.optional(),
  inode: number.optional(),
  cookie: z.string().regex(/^[1-9][0-9]{0,19}$/).transform(BigInt).refine((cookie) => cookie < 1n << 64n).optional(),
  handle: handle.optional(),
});

const ofContainer = {
  version: z.literal(CNI_VERSION),
  containerId: z.string().min(1).max(1024),
  ifname: z.string().max(64),
  pod: z.object({ namespace: name, name, uid: z.string().min(1).max(128).optional() }).optional(),
  netns: netns.optional(),
};

const request = z.discriminatedUnion('command', [
  z.object({ ...ofContainer, command: z.enum(['ADD', 'CHECK', 'DEL']) }),
  z.object({ version: z.literal(CNI_VERSION), command: z.enum(['STATUS', 'GC']) }),
]);

export type CniRequest = z.infer<typeof request>;
export type ContainerRequest = Extract<CniRequest, { readonly command: 'ADD' | 'CHECK' | 'DEL' }>;

/** A line of kmesh-cni (docs/cni.md), without its end. @throws Error that names what is wrong in it */
export function parseRequest(line: string): CniRequest {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new Error('the request is no JSON');
  }
  const found = request.safeParse(json);
  if (!found.success) throw new Error(`the request cannot be understood: ${found.error.issues.slice(0, 3).map(({ path, code }) => `${path.join('.') || 'the whole'}: ${code}`).join(', ')}`);
  return found.data;
}

export type CniAnswer = { readonly result: 'ok' } | { readonly result: 'refused'; readonly reason: string };

/** The line of an answer; a reason is one line of plain ASCII. */
export function answerLine(answer: CniAnswer): string {
  if (answer.result === 'ok') return `${JSON.stringify({ version: CNI_VERSION, result: 'ok' })}\n`;
  const reason = answer.reason.replaceAll(/[^ -~]/g, '?').slice(0, 1000);
  return `${JSON.stringify({ version: CNI_VERSION, result: 'refused', reason })}\n`;
}
