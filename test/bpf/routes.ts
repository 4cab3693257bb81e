// SPDX-License-Identifier: Apache-2.0
/** Short ways to write the records of a route table. */
import type { DomainRecordKey, Operation, RoutesRecord, StepRecord } from '../../daemon/diff/operations.js';

/** A step without its jumps: where it goes on is told beside it. */
export type Question = StepRecord extends infer S ? (S extends { readonly then: number } ? Omit<S, 'then' | 'otherwise'> : never) : never;

/** Asks all in turn: who answers yes to each goes to `yes`, at the first no to `no`. Both end. */
export function ask(questions: readonly Question[], yes: StepRecord, no: StepRecord): StepRecord[] {
  const otherwise = questions.length + 1;
  return [...questions.map((question, i) => ({ ...question, then: i + 1, otherwise }) as StepRecord), yes, no];
}

export const toCluster = (id: number): StepRecord => ({ op: 'target', kind: 'cluster', target: id, n: 0, reason: 0 });
export const NO_ROUTE: StepRecord = { op: 'default', why: 'no_route' };

/** A virtual host with a program of its own; the program has the id of the host, or a later one. */
export function vhost(id: number, steps: readonly StepRecord[], program = id): Operation[] {
  return [
    ...steps.map((value, index): Operation => ({ op: 'put', map: 'km_step', key: { program, index }, value })),
    { op: 'put', map: 'km_vhost', key: id, value: { program, n: steps.length } },
  ];
}

/** `*.a` is an end, `a*` a beginning, all others are whole names. */
export function domain(routes: number, text: string, vhostId: number): Operation {
  const key = domainKey(routes, text);
  return { op: 'put', map: key.kind === 'exact' ? 'km_domain' : 'km_wild', key, value: vhostId };
}

function domainKey(routes: number, text: string): DomainRecordKey {
  if (text.startsWith('*')) return { routes, kind: 'suffix', text: text.slice(1) };
  return text.endsWith('*') ? { routes, kind: 'prefix', text: text.slice(0, -1) } : { routes, kind: 'exact', text };
}

export function table(id: number, value: Partial<RoutesRecord> = {}): Operation {
  return { op: 'put', map: 'km_routes', key: id, value: { any: 0, ignorePort: false, ...value } };
}
