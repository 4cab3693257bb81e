// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Request } from './model/request.js';

/** What test/kernel/judgeHeads.c says of a text; bytes are characters of the same number. */
export interface Opinion {
  readonly verdict: number;
  /** Bytes of the shortest start of the text with that verdict; 0 when more is needed. */
  readonly decidedAt: number;
  readonly headLen?: number;
  readonly minor?: number;
  readonly method?: string;
  readonly target?: string;
  readonly host?: string | null;
  readonly lines?: readonly (readonly [string, string])[];
  readonly request?: Request;
}

/** @throws with what the program wrote to stderr: a property that does not hold, or a sanitizer's report. */
export function judgeAll(program: string, texts: readonly Buffer[]): Opinion[] {
  const input = Buffer.concat(texts.flatMap((text) => [lengthOf(text), text]));
  const { status, signal, stdout, stderr } = spawnSync(program, { input, maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`judgeHeads ended with ${status ?? signal}: ${stderr.toString()}`);
  return stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line) as Opinion);
}

function lengthOf(text: Buffer): Buffer {
  const length = Buffer.alloc(4);
  new Uint32Array(length.buffer, length.byteOffset, 1)[0] = text.length;
  return length;
}

export interface HttpCase {
  readonly id: string;
  readonly raw: Buffer;
  readonly expect: {
    readonly verdict: 'accept' | 'accept_head' | 'reject' | 'incomplete' | 'either';
    readonly method?: string;
    readonly target?: string;
    readonly version?: string;
    readonly host?: string | null;
    readonly headers?: readonly (readonly [string, string])[];
    readonly head_len?: number;
  };
}

const corpus = path.resolve('../shared/fixtures/http/cases.json');

/** For `t.test(..., options)`: why tests over the cases cannot run. */
export const httpCases = existsSync(corpus) ? {} : { skip: 'no ../shared/fixtures beside the clone' };

export function readHttpCases(): HttpCase[] {
  const { cases } = JSON.parse(readFileSync(corpus, 'utf8')) as { cases: (HttpCase & { raw_b64: string })[] };
  return cases.map(({ raw_b64, ...rest }) => ({ ...rest, raw: Buffer.from(raw_b64, 'base64') }));
}
