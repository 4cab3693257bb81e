// SPDX-License-Identifier: Apache-2.0
/** Automata in the maps: each once, written before the steps that run it, removed after the last of them; what has no room is not decided. */
import t from 'tap';
import { createImage, plan, type Image } from '../../../daemon/diff/plan.js';
import type { Operation, StepRecord } from '../../../daemon/diff/operations.js';
import type { RouteProgram, RouteTable } from '../../../daemon/model/routeTable.js';
import { newBudget } from '../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../daemon/model/routing/regex/compile.js';
import type { MeshModel } from '../../../daemon/model/types.js';
import { Kernel } from './interpreter.js';
import { endpointCluster, endpoints, frontend, model } from './models.js';
import { resolveRequest } from './requests.js';

const A = endpointCluster('a', endpoints('10.1.0.', 1));
const web = frontend('10.0.0.1', { kind: 'pass', reason: 'passthrough' }, 'l', 80, 't');

/** What matches leads to the cluster, all else nowhere. */
const matching = (regex: string): RouteProgram => ({
  steps: [
    { op: 'field', field: 'path', then: 1, otherwise: 3 },
    { op: 'automaton', automaton: compileRegex(regex, true, newBudget()).automaton!, regex, then: 2, otherwise: 3, unsure: 4 },
    { op: 'target', target: { kind: 'cluster', cluster: 'a' } },
    { op: 'default', why: 'no_route' },
    { op: 'default', why: 'undecidable' },
  ],
});

/** A virtual host for each expression, whose names are x0, x1, ... */
function mesh(...regexes: readonly (string | RouteProgram)[]): MeshModel {
  const virtualHosts = regexes.map((regex, i) => ({ name: `h${i}`, domains: [{ kind: 'exact' as const, text: `x${i}` }], program: typeof regex === 'string' ? matching(regex) : regex }));
  const table: RouteTable = { name: 't', ignorePort: false, virtualHosts };
  return model([web], [A], [table]);
}

function step(kernel: Kernel, image: Image, to: MeshModel, mostAutomata?: number): ReturnType<typeof plan> {
  const planned = plan(image, to, { sweep: { frontends: true, clusters: true, shared: true }, ...(mostAutomata === undefined ? {} : { mostAutomata }) });
  for (const operation of planned.operations) kernel.apply(operation);
  return planned;
}

const summary = (operations: readonly Operation[]): string[] =>
  operations.map((o) => (o.op === 'barrier' ? 'barrier' : `${o.op} ${o.map}`)).filter((text, i, all) => text !== all[i - 1]);
const ask = (kernel: Kernel, host: string, path: string): string[] => [...resolveRequest(kernel, web, { host, path }).keys()];
const stored = (kernel: Kernel): number => kernel.maps.km_automaton.size;
const TO_A = ['10.1.0.1:80'];
const DEFAULT = ['pass 12'];

t.test('written before its steps, removed behind them', async (t) => {
  const kernel = new Kernel();
  const first = step(kernel, createImage(), mesh('/[^/]+'));
  t.match(summary(first.operations).join(), /put km_automaton,put km_step,put km_vhost/);
  t.same([ask(kernel, 'x0', '/a'), ask(kernel, 'x0', '/a/b')], [TO_A, DEFAULT]);
  const change = ['put km_automaton', 'put km_step', 'put km_vhost', 'barrier', 'delete km_step', 'delete km_automaton'];
  t.same(summary(step(kernel, first.image, mesh('/[0-9]+')).operations), change);
  t.same(summary(step(kernel, createImage(kernel.contents()), mesh('/[a-z]+')).operations), change, 'also after a restart');
  t.same([stored(kernel), ask(kernel, 'x0', '/a'), ask(kernel, 'x0', '/1')], [1, TO_A, DEFAULT]);
});

t.test('the same one serves all steps, until the last of them goes', async (t) => {
  const kernel = new Kernel();
  let { image } = step(kernel, createImage(), mesh('/[ab]+', '/(a|b)+', '/[^/]+'));
  t.equal(stored(kernel), 2);
  ({ image } = step(kernel, image, mesh('/[ab]+', '/(b|a)+', '/[ab]+')));
  t.equal(stored(kernel), 1);
  image = createImage(kernel.contents());
  ({ image } = step(kernel, image, mesh('/[ab]+')));
  t.same([stored(kernel), ask(kernel, 'x0', '/ab')], [1, TO_A]);
  step(kernel, image, model([], []));
  t.equal(kernel.size, 0);
});

t.test('a program that is written anew because a cluster goes keeps its automaton', async (t) => {
  const kernel = new Kernel();
  step(kernel, createImage(), mesh('/[^/]+'));
  const waiting = plan(createImage(kernel.contents()), model([], []), { sweep: { frontends: false, clusters: true, shared: true } });
  for (const operation of waiting.operations) kernel.apply(operation);
  t.same([stored(kernel), ask(kernel, 'x0', '/a')], [1, ['refuse 22']]);
  step(kernel, waiting.image, model([], []));
  t.equal(kernel.size, 0);
});

t.test('an automaton that finds no room is not decided, and listed; it is written when there is room', async (t) => {
  const kernel = new Kernel();
  const both = mesh('/[ab]+', '/[^/]+');
  const full = step(kernel, createImage(), both, 1);
  t.same([ask(kernel, 'x0', '/a'), ask(kernel, 'x1', '/a')], [TO_A, DEFAULT]);
  t.equal(stored(kernel), 1);
  t.match(full.notEnforced, [{ resourceType: 'route', resource: 't', path: 't h1', feature: 'regex', reason: /km_automaton is full with 1 \(--max-automata\).*\/\[\^\/\]\+/ }]);
  t.match(kernel.contents().steps.filter(({ value }) => value.op === 'length').map(({ value }) => value as StepRecord), [{ is: 'at_least', bytes: 0, then: 4, otherwise: 4 }], 'a step that leads on without a look');
  t.same(step(kernel, full.image, both, 1).operations, [], 'once');
  t.same(step(kernel, createImage(kernel.contents()), both, 1).operations, [], 'also after a restart');

  const other: RouteProgram = { steps: [{ op: 'default', why: 'no_route' }] };
  const table = both.routeTables.get('t')!;
  const without: MeshModel = { ...both, routeTables: new Map([['t', { ...table, virtualHosts: table.virtualHosts.with(0, { ...table.virtualHosts[0]!, program: other }) }]]) };
  const freed = step(kernel, full.image, without, 1);
  t.same([stored(kernel), freed.notEnforced.length], [0, 1], 'the old one goes at the end of a plan');
  const next = step(kernel, freed.image, without, 1);
  t.same([stored(kernel), next.notEnforced.length, ask(kernel, 'x1', '/a')], [1, 0, TO_A], 'the next plan has the room');
});

t.test('what an unclean stop leaves: an automaton that no step runs, a step without its automaton', async (t) => {
  const kernel = new Kernel();
  const to = mesh('/[ab]+');
  step(kernel, createImage(), to);
  kernel.apply({ op: 'put', map: 'km_automaton', key: 77, value: compileRegex('/x+', true, newBudget()).automaton! });
  kernel.apply({ op: 'put', map: 'km_automaton', key: 78, value: compileRegex('/[ab]+', true, newBudget()).automaton! });
  const { image } = step(kernel, createImage(kernel.contents()), to);
  t.equal(stored(kernel), 1);
  t.equal(image.nextIds.automaton, 79, 'no id is given out twice');
  kernel.maps.km_automaton.clear();
  t.same(ask(kernel, 'x0', '/a'), ['error route']);
  step(kernel, createImage(kernel.contents()), to);
  t.same([stored(kernel), ask(kernel, 'x0', '/a')], [1, TO_A]);
});
