// SPDX-License-Identifier: Apache-2.0
// What a route table says about a request, worked out from the meaning of its steps as daemon/model/routeTable.ts states
// it. Shares nothing with the code that makes them.
import { STEP_BYTES } from '../../../../daemon/model/routeTable.js';
import type { RequestField, RoutedHost, RouteProgram, RouteStep, RouteTable } from '../../../../daemon/model/routeTable.js';
import type { Automaton } from '../../../../daemon/model/routing/regex/automaton.js';
import type { Target } from '../../../../daemon/model/types.js';

export interface Request {
  readonly method?: string;
  /** With query; undefined for CONNECT. */
  readonly path?: string | undefined;
  readonly host?: string | undefined;
  readonly scheme?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Answer = Target | 'no_host' | 'no_virtual_host' | 'no_route' | 'undecidable';

export interface Walked {
  readonly answer: Answer;
  readonly virtualHost: string | undefined;
  readonly steps: number;
}

export function route(table: RouteTable, request: Request): Walked {
  if (request.host === undefined) return { answer: 'no_host', virtualHost: undefined, steps: 0 };
  const host = hostOf(table, table.ignorePort ? request.host.replace(/:\d*$/, '') : request.host);
  return host ? { ...walk(host.program, request), virtualHost: host.name } : { answer: 'no_virtual_host', virtualHost: undefined, steps: 0 };
}

function hostOf(table: RouteTable, spelt: string): RoutedHost | undefined {
  const host = spelt.toLowerCase();
  const found = table.virtualHosts.flatMap((virtualHost) => virtualHost.domains.map((domain) => ({ virtualHost, ...domain })));
  const longest = (kind: string, holds: (text: string) => boolean) =>
    found.filter((domain) => domain.kind === kind && domain.text.length < host.length && holds(domain.text)).sort((a, b) => b.text.length - a.text.length)[0];
  const exact = found.find((domain) => domain.kind === 'exact' && domain.text === host);
  return (exact ?? longest('suffix', (text) => host.endsWith(text)) ?? longest('prefix', (text) => host.startsWith(text)) ?? found.find(({ kind }) => kind === 'any'))?.virtualHost;
}

export function walk({ steps }: RouteProgram, request: Request): { answer: Answer; steps: number } {
  let text = Buffer.alloc(0);
  let at = 0;
  for (let n = 1; ; n += 1) {
    const step = steps[at];
    if (!step) throw new Error(`step ${at} of ${steps.length}`);
    if (step.op === 'target') return { answer: step.target, steps: n };
    if (step.op === 'default') return { answer: step.why, steps: n };
    const chosen = chosenBy(step, request);
    if (chosen) text = Buffer.from(chosen.text ?? '');
    const next = (chosen ? chosen.text !== undefined : isTrue(step, text)) ? step.then : step.otherwise;
    if (next <= at) throw new Error(`step ${at} jumps back to ${next}`);
    at = next;
  }
}

/** What of a program cannot be written to the maps; undefined: nothing. */
export function problemOf({ steps }: RouteProgram): string | undefined {
  for (const [i, step] of steps.entries()) {
    if ('then' in step && !(step.then > i && step.otherwise > i && step.then < steps.length && step.otherwise < steps.length && (!('unsure' in step) || (step.unsure > i && step.unsure < steps.length)))) return `step ${i} does not jump forward`;
    if ('bytes' in step && typeof step.bytes !== 'number' && (step.bytes.length === 0 || step.bytes.length > STEP_BYTES)) return `step ${i} has ${step.bytes.length} bytes`;
    if ((step.op === 'header' || step.op === 'param') && Buffer.byteLength(step.name) > STEP_BYTES) return `step ${i} has a long name`;
  }
  return steps.length === 0 || 'then' in steps.at(-1)! ? 'it does not end' : undefined;
}

/** For steps that choose the current text: the text, or none. */
function chosenBy(step: RouteStep, request: Request): { text: string | undefined } | undefined {
  switch (step.op) {
    case 'field':
      return { text: fieldOf(step.field, request) || undefined };
    case 'header':
      return { text: Object.entries(request.headers ?? {}).find(([name]) => name.toLowerCase() === step.name)?.[1] };
    case 'param':
      return { text: parametersOf(request.path ?? '').get(step.name) };
    case 'empty':
      return { text: '' };
    default:
      return undefined;
  }
}

function fieldOf(field: RequestField, { method = 'GET', path, host, scheme = 'http' }: Request): string | undefined {
  switch (field) {
    case 'method':
      return method;
    case 'path':
      return path?.split(/[?#]/, 1)[0];
    case 'full_path':
      return path;
    case 'authority':
      return host;
    case 'scheme':
      return scheme;
  }
}

/** Not decoded; the first of a name counts. */
function parametersOf(path: string): Map<string, string> {
  const query = /^[^?#]*\?([^#]*)/.exec(path)?.[1] ?? '';
  const pairs = query.split('&').filter((pair) => pair !== '').map((pair) => /^([^=]*)=?(.*)$/s.exec(pair)!.slice(1) as [string, string]);
  return new Map(pairs.reverse());
}

function isTrue(step: RouteStep, text: Buffer): boolean {
  switch (step.op) {
    case 'compare': {
      const begin = step.fromEnd ? text.length - step.offset : step.offset;
      const part = begin < 0 ? undefined : text.subarray(begin, begin + step.bytes.length);
      return part !== undefined && step.bytes.equals(step.ignoreCase ? lower(part) : part);
    }
    case 'length':
      return step.is === 'exactly' ? text.length === step.bytes : text.length >= step.bytes;
    case 'contains':
      return (step.ignoreCase ? lower(text) : text).includes(step.bytes);
    case 'range': {
      const number = /^[ \t]*([+-]?\d+)[ \t]*$/.exec(text.toString())?.[1];
      return number !== undefined && step.start <= BigInt(number.replace('+', '')) && BigInt(number.replace('+', '')) < step.end;
    }
    case 'automaton':
      return accepts(step.automaton, text);
    default:
      throw new Error(step.op);
  }
}

const lower = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)));

/** Whether an automaton takes a text as a whole. */
export function accepts({ start, accepting, width, classes, next }: Automaton, text: Uint8Array): boolean {
  let state = start;
  for (const byte of text) state = next[state * width + classes[byte]!]!;
  return state >= accepting;
}
