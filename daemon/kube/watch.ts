// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import { KubeError } from './errors.js';

/** An object of the API server is below 2 MiB. */
const MAX_LINE_BYTES = 4 << 20;

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
const event = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']), object: z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().min(1).max(256) }) }) }),
  z.object({ type: z.literal('ERROR'), object: z.looseObject({ code: z.number().int() }) }),
]);

const list = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1).max(256), continue: z.string().max(8192).nullish() }),
  // An empty list is null in Go.
  items: z.array(z.unknown()).nullish(),
});

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly version: string; readonly object: unknown }
  | { readonly type: 'ERROR'; readonly code: number; readonly object: unknown };

/** A page of a list. @throws KubeError for what is none */
export function pageOf(body: unknown): { readonly items: readonly unknown[]; readonly version: string; readonly next: string | undefined } {
  const found = list.safeParse(body);
  if (!found.success) throw new KubeError('KM_KUBE_UNREACHABLE', 'the API server answers no list');
  const { metadata, items } = found.data;
  return { items: items ?? [], version: metadata.resourceVersion, next: metadata.continue || undefined };
}

/** The events of a watch, one a line of JSON. @throws KubeError for a line that is none; what the stream throws */
export async function* watchEvents(stream: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent> {
  for await (const line of lines(stream)) {
    const found = event.safeParse(parse(line));
    if (!found.success) throw new KubeError('KM_KUBE_UNREACHABLE', 'the API server sends what is no event of a watch');
    const { type, object } = found.data;
    yield type === 'ERROR' ? { type, code: object.code as number, object } : { type, version: (object as { metadata: { resourceVersion: string } }).metadata.resourceVersion, object };
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]).toString();
      [parts, bytes, from] = [[], 0, end + 1];
    }
    bytes += chunk.length - from;
    if (bytes > MAX_LINE_BYTES) throw new KubeError('KM_KUBE_UNREACHABLE', `the API server sends an event of more than ${MAX_LINE_BYTES} bytes`);
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
}
