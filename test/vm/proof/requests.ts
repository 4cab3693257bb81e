// SPDX-License-Identifier: Apache-2.0
/** Requests as the client programs take them, and what is to be said of their answers. */
import { createHash } from 'node:crypto';
import { addressOf, expected, portOf, type Case } from '../requests/table.js';

/** One entry of REQUESTS_JSON of test/vm/clients. */
export interface ClientRequest {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly method: string;
  readonly target: string;
  /** Host first; the client adds Content-Length itself. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: number;
  readonly over?: string;
  readonly raw?: readonly (string | number)[];
  readonly shutdown?: boolean;
}

/** A line that a client program prints. */
export interface Outcome {
  readonly name: string;
  readonly endpoint?: string | null;
  readonly error?: string;
  /** What the backend received; absent in answers to HEAD. */
  readonly got?: Received | null;
}

export interface Received {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: { readonly bytes: number; readonly sha256: string };
}

export function clientRequest(one: Case): ClientRequest {
  const { name, method = '', target = '', host, headers = [], body = 0, over, raw, shutdown } = one;
  return {
    name,
    address: addressOf(one),
    port: portOf(one),
    method,
    target,
    headers: [...(host === undefined ? [] : [['Host', host] as const]), ...headers],
    body,
    ...(over === undefined ? {} : { over }),
    ...(raw === undefined ? {} : { raw }),
    ...(shutdown === undefined ? {} : { shutdown }),
  };
}

export const BODY_LETTERS = 'abcdefghijklmnopqrstuvwxyz';

export function bodyOf({ body }: ClientRequest): string {
  return BODY_LETTERS.repeat(Math.ceil(body / BODY_LETTERS.length)).slice(0, body);
}

/** What is wrong with an outcome; undefined: nothing. */
export function complaint(one: Case, outcome: Outcome | undefined): string | undefined {
  if (outcome === undefined) return 'the client said nothing of it';
  const wanted = expected(one);
  if (wanted.includes('refused')) return REFUSALS.has(outcome.error ?? '') ? undefined : `${JSON.stringify(outcome)} instead of a refusal`;
  const cluster = outcome.endpoint?.replace(/-\d+$/, '');
  if (cluster === undefined || !wanted.includes(cluster)) return `${outcome.error ?? outcome.endpoint ?? 'no endpoint'} instead of ${wanted.join(' or ')}`;
  return outcome.got && one.method !== undefined ? difference(one, outcome.got) : undefined;
}

/** EPERM where the kernel cannot give the other, before 5.18. */
const REFUSALS: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EPERM']);

/** How what arrived differs from what was sent: not one byte may be lost on the way. */
function difference(one: Case, got: Received): string | undefined {
  const request = clientRequest(one);
  if (got.method !== request.method || got.target !== request.target) return `the backend got ${got.method} ${got.target}`;
  if (one.over === 'http2') return undefined;
  const fields = new Set(got.headers!.map(([name, value]) => `${name.toLowerCase()}: ${value}`));
  const lost = request.headers.map(([name, value]) => `${name.toLowerCase()}: ${value.replace(/^[ \t]+|[ \t]+$/g, '')}`).filter((field) => !fields.has(field));
  if (lost.length > 0) return `the backend did not get ${lost.join(', ')}`;
  const sha256 = createHash('sha256').update(bodyOf(request)).digest('hex');
  return got.body?.sha256 === sha256 ? undefined : `the backend got a body of ${got.body?.bytes} bytes instead of ${request.body}`;
}
