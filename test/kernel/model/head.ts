// SPDX-License-Identifier: Apache-2.0
import { authorityOf, targetOf, TOKEN, VALUE, VISIBLE, type Authority, type Target } from './grammar.js';

/** `enum km_head_verdict` as far as a scanner comes to it; 0 is "more is needed". */
export const Verdict = { MORE: 0, COMPLETE: 1, TLS: 2, HTTP2: 3, NOT_HTTP: 4, BAD: 5, TOO_LARGE: 6 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

const MAX_HEADERS = 128;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

const CLIENT_HELLO = /^\x16\x03[^]{3}\x01/;
const PART_OF_CLIENT_HELLO = /^\x16(\x03[^]{0,3})?$/;
const REQUEST_LINE = new RegExp(`^([${TOKEN}]+) ([${VISIBLE}]+) HTTP/1\\.(\\d)\r\n`);
const SAYS_HTTP1 = new RegExp(`^[${TOKEN}]+ [${VISIBLE}]+ HTTP/1\\.`);
const PART_OF_REQUEST_LINE = new RegExp(`^(\r|[${TOKEN}]+( ([${VISIBLE}]+( (H(T(T(P(/(1(\\.(\\d\r?)?)?)?)?)?)?)?)?)?)?)?)?$`);
const HEADER_LINE = new RegExp(`^([${TOKEN}]+):([${VALUE}]*)\r\n`);
const PART_OF_HEADER_LINE = new RegExp(`^(\r|[${TOKEN}]+(:[${VALUE}]*\r?)?)?$`);
const CODINGS = new RegExp(`^[${TOKEN}]+([ \t]*,[ \t]*[${TOKEN}]+)*$`);
const ONE_LENGTH = /^(\d+)([ \t]*,[ \t]*\1)*$/;

export interface Head {
  readonly method: string;
  readonly target: string;
  readonly parts: Target;
  readonly minor: number;
  readonly lines: readonly (readonly [string, string])[];
  readonly headLen: number;
}

export type Judgement = { readonly verdict: Exclude<Verdict, 1> } | { readonly verdict: 1; readonly head: Head };

/** A second reading of RFC 9112 and docs/http1.md, line by line. Text is Latin-1: a character for a byte. */
export function judge(text: string): Judgement {
  if (text.startsWith('\x16')) {
    if (CLIENT_HELLO.test(text)) return { verdict: Verdict.TLS };
    return { verdict: PART_OF_CLIENT_HELLO.test(text) ? Verdict.MORE : Verdict.NOT_HTTP };
  }
  if (text.startsWith(PREFACE)) return { verdict: Verdict.HTTP2 };
  if (PREFACE.startsWith(text)) return { verdict: Verdict.MORE };
  return judgeHttp1(text);
}

function judgeHttp1(text: string): Judgement {
  let rest = text.replace(/^(\r\n)+/, '');
  const match = REQUEST_LINE.exec(rest);
  if (!match) {
    if (PART_OF_REQUEST_LINE.test(rest)) return { verdict: Verdict.MORE };
    return { verdict: SAYS_HTTP1.test(rest) ? Verdict.BAD : Verdict.NOT_HTTP };
  }
  const [requestLine, method, target, minor] = match as unknown as [string, string, string, string];
  const parts = targetOf(method, target);
  if (!parts) return { verdict: Verdict.BAD };
  rest = rest.slice(requestLine.length);

  const lines: [string, string][] = [];
  for (let line: RegExpExecArray | null; (line = HEADER_LINE.exec(rest)); rest = rest.slice(line[0].length)) {
    if (lines.length === MAX_HEADERS) return { verdict: Verdict.TOO_LARGE };
    lines.push([line[1]!, line[2]!.replace(/^[ \t]+|[ \t]+$/g, '')]);
    if (!areClear(lines, Number(minor))) return { verdict: Verdict.BAD };
  }
  if (rest.startsWith('\r\n')) {
    if (codings(lines) !== undefined && !isChunked(lines)) return { verdict: Verdict.BAD };
    return { verdict: Verdict.COMPLETE, head: { method, target, parts, minor: Number(minor), lines, headLen: text.length - rest.length + 2 } };
  }
  if (lines.length === MAX_HEADERS && new RegExp(`^[${TOKEN}]`).test(rest)) return { verdict: Verdict.TOO_LARGE };
  return { verdict: PART_OF_HEADER_LINE.test(rest) ? Verdict.MORE : Verdict.BAD };
}

/** All values of the name, joined as a list; undefined when there is none. */
function joined(lines: readonly (readonly [string, string])[], name: string): string | undefined {
  const values = lines.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
  return values.length > 0 ? values.join(',') : undefined;
}

const codings = (lines: Head['lines']): string[] | undefined => joined(lines, 'transfer-encoding')?.toLowerCase().split(/[ \t]*,[ \t]*/);
const isChunked = (lines: Head['lines']): boolean => codings(lines)?.at(-1) === 'chunked';

/** Do the lines so far leave one way only to read whom the request is for and where it ends? */
function areClear(lines: Head['lines'], minor: number): boolean {
  const hosts = lines.filter(([name]) => name.toLowerCase() === 'host');
  const length = joined(lines, 'content-length');
  const coding = joined(lines, 'transfer-encoding');
  if (hosts.length > 1 || hosts.some(([, value]) => !authorityOf(value))) return false;
  if (length !== undefined && !ONE_LENGTH.test(length)) return false;
  if (coding === undefined) return true;
  return CODINGS.test(coding) && !codings(lines)!.slice(0, -1).includes('chunked') && length === undefined && minor > 0;
}

/** Whom the request is for: a target's authority before Host, and nobody when HTTP/1.1 and later lacks Host. */
export function authorityFor({ lines, minor, parts }: Head): Authority {
  const host = lines.find(([name]) => name.toLowerCase() === 'host')?.[1];
  if (host === undefined && minor > 0) return authorityOf('')!;
  return parts.authority ?? authorityOf(host ?? '')!;
}
