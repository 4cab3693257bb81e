// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { PackedProgram } from '../../../../daemon/model/routing/packed.js';
import { newBudget } from '../../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../../daemon/model/routing/regex/compile.js';
import type { RouteStep } from '../../../../daemon/model/routeTable.js';

const there = { then: 300, otherwise: 70_000 };
const automaton = (regex: string): RouteStep => ({ op: 'automaton', ...there, automaton: compileRegex(regex, false, newBudget()).automaton!, regex, unsure: 0xffffffff });

/** One step of each kind, with the limits of its numbers and texts. */
const STEPS: readonly RouteStep[] = [
  { op: 'field', ...there, field: 'method' },
  { op: 'field', ...there, field: 'scheme' },
  { op: 'header', ...there, name: 'x'.repeat(48) },
  { op: 'param', ...there, name: 'Ünïcode' },
  { op: 'empty', ...there },
  { op: 'compare', ...there, bytes: Buffer.from('/a\0\xff', 'latin1'), offset: 0xffffffff, fromEnd: true, ignoreCase: false },
  { op: 'compare', ...there, bytes: Buffer.alloc(0), offset: 0, fromEnd: false, ignoreCase: true },
  { op: 'length', ...there, is: 'exactly', bytes: 127 },
  { op: 'length', ...there, is: 'at_least', bytes: 128 },
  { op: 'contains', ...there, bytes: Buffer.from('v'.repeat(48)), ignoreCase: true },
  { op: 'range', ...there, start: -(2n ** 63n), end: 2n ** 63n - 1n },
  automaton('a+b'),
  { op: 'target', target: { kind: 'cluster', cluster: 'a' } },
  { op: 'target', target: { kind: 'split', clusters: [{ cluster: 'a', weight: 1 }, { cluster: 'b', weight: 99 }] } },
  { op: 'target', target: { kind: 'cluster', cluster: 'a' } },
  { op: 'default', why: 'no_route' },
  { op: 'default', why: 'undecidable' },
];

const packed = (...steps: RouteStep[]): PackedProgram => new PackedProgram({ steps });

t.test('what is packed comes out as it was, each time', async (t) => {
  const program = packed(...STEPS);
  t.strictSame(program.steps, STEPS);
  t.strictSame(program.steps, STEPS);
  t.strictSame(program.targets, [{ kind: 'cluster', cluster: 'a' }, { kind: 'split', clusters: [{ cluster: 'a', weight: 1 }, { cluster: 'b', weight: 99 }] }]);
});

t.test('a program of more steps than there is room to put one together at first', async (t) => {
  const many = Array.from({ length: 20_000 }, (_, i): RouteStep => ({ op: 'compare', bytes: Buffer.from(`/${i}`), offset: i, fromEnd: false, ignoreCase: false, then: i + 1, otherwise: 2 * i + 1 }));
  t.strictSame(packed(...many).steps, many);
});

t.test('programs are equal when all of their steps are', async (t) => {
  t.ok(packed(...STEPS).equals(packed(...STEPS.map((step) => ({ ...step })))));
  for (const [i, step] of STEPS.entries()) {
    const others = STEPS.filter((other) => other !== step).slice(0, 14).filter((other) => JSON.stringify(other, text) !== JSON.stringify(step, text));
    for (const other of others) t.notOk(packed(...STEPS.with(i, other)).equals(packed(...STEPS)), `${step.op} and ${other.op}`);
  }
  const to = (cluster: string): RouteStep => ({ op: 'target', target: { kind: 'cluster', cluster } });
  t.notOk(packed(to('a')).equals(packed(to('b'))), 'another cluster');
  t.notOk(packed(automaton('ab')).equals(packed({ ...automaton('cd'), regex: 'ab' } as RouteStep)), 'another automaton');
  t.notOk(packed({ op: 'empty', then: 1, otherwise: 1 }).equals(packed({ op: 'empty', then: 1, otherwise: 2 })), 'another jump');
});

function text(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
