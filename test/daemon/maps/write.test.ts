// SPDX-License-Identifier: Apache-2.0
/** Writing and reading the maps of the running kernel. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import t from 'tap';
import type { MapContents, Operation, StepRecord, StoredStep } from '../../../daemon/diff/operations.js';
import { AdoptedSteps } from '../../../daemon/diff/stepTable.js';
import { DataplaneError } from '../../../daemon/maps/dataplane.js';
import { newBudget } from '../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../daemon/model/routing/regex/compile.js';
import { enterSandbox } from '../../helpers/sandbox.js';
import { cluster, endpointId, frontend, split } from '../../bpf/mesh.js';
import { openStage, SIZES, stageOptions } from '../../bpf/stage.js';
import { connectIn } from '../../bpf/client.js';
import { removePins } from '../../../daemon/maps/dataplane.js';
import { PIN_ROOT } from '../../bpf/stage.js';

await enterSandbox(import.meta.url);

const a = { name: 'a', address: '10.244.0.1', port: 8080 };
const b = { name: 'b', address: 'fd00::b', port: 8081 };
const options = stageOptions();

t.afterEach(() => {
  removePins(PIN_ROOT);
});

const name = (kind: 'listener' | 'cluster', id: number, text: string): Operation => ({ op: 'put', map: 'km_name', key: { kind, id }, value: text });

/** Order within a map is the kernel's own. */
/** Steps as objects: those that were read make their values when one looks at them. */
const plain = ({ steps }: MapContents): StoredStep[] => steps.map(({ key, op, value }) => ({ key, op, value }));

function inOrder(contents: MapContents): unknown {
  const by = <T>(items: readonly T[]): readonly T[] => [...items].sort((x, y) => (inspect(x, { depth: 9 }) < inspect(y, { depth: 9 }) ? -1 : 1));
  const { states, ...rest } = { ...contents, steps: plain(contents) };
  const sorted = Object.fromEntries(Object.entries(rest).map(([key, items]) => [key, by(items as readonly unknown[])]));
  return { ...sorted, states: { listeners: by(states.listeners), clusters: by(states.clusters), endpoints: by(states.endpoints) } };
}

const there = { then: 3, otherwise: 0xffffffff };

/** One step of each kind, with the limits of its numbers. */
const STEPS: readonly StepRecord[] = [
  { op: 'field', ...there, field: 'scheme' },
  { op: 'header', ...there, name: 'x'.repeat(48) },
  { op: 'param', ...there, name: 'Q' },
  { op: 'empty', ...there },
  { op: 'compare', ...there, bytes: Buffer.from('/a\0\xff', 'latin1'), offset: 0xffffffff, fromEnd: true, ignoreCase: false },
  { op: 'compare', ...there, bytes: Buffer.from('/a'), offset: 0, fromEnd: false, ignoreCase: true },
  { op: 'length', ...there, is: 'exactly', bytes: 0 },
  { op: 'length', ...there, is: 'at_least', bytes: 7 },
  { op: 'contains', ...there, bytes: Buffer.from('v'.repeat(48)), ignoreCase: true },
  { op: 'range', ...there, start: -(2n ** 63n), end: 2n ** 63n - 1n },
  { op: 'target', kind: 'split', target: 9, n: 2, reason: 0 },
  { op: 'target', kind: 'refuse', target: 0, n: 0, reason: 24 },
  { op: 'default', why: 'no_route' },
  { op: 'default', why: 'undecidable' },
  { op: 'automaton', ...there, automaton: 0xffffffff },
];

/** A small one, and a large one. */
const AUTOMATA = ['a', '\\d{3}-(\\w+-){2}[^/]*'].map((regex) => compileRegex(regex, false, newBudget()).automaton!);

const ROUTES: readonly Operation[] = [
  ...STEPS.map((value, index): Operation => ({ op: 'put', map: 'km_step', key: { program: 5, index }, value })),
  ...AUTOMATA.map((value, i): Operation => ({ op: 'put', map: 'km_automaton', key: i + 1, value })),
  { op: 'put', map: 'km_vhost', key: 6, value: { program: 5, n: STEPS.length } },
  { op: 'put', map: 'km_domain', key: { routes: 7, kind: 'exact', text: 'reviews.default:9080' }, value: 6 },
  { op: 'put', map: 'km_domain', key: { routes: 7, kind: 'exact', text: 'x'.repeat(248) }, value: 6 },
  { op: 'put', map: 'km_wild', key: { routes: 7, kind: 'suffix', text: '.default' }, value: 6 },
  { op: 'put', map: 'km_wild', key: { routes: 7, kind: 'prefix', text: 'x'.repeat(248) }, value: 6 },
  { op: 'put', map: 'km_routes', key: 7, value: { any: 6, ignorePort: true } },
];

await t.test('what is written is read back, and deletions remove it all', async (test) => {
  const { dataplane } = openStage(options);
  const operations = [
    ...cluster(1, { v4: [a], v6: [b, b], weights: [80, 20], lb: 'random', max: 7, panic: true }),
    ...cluster(2, { kind: 'refuse', reason: 'blackhole' }),
    ...split(9, [{ cluster: 1, weight: 80 }, { cluster: 2, weight: 20 }]),
    ...frontend(3, '10.96.0.1', 80, { split: 9, n: 2 }),
    ...frontend(3, '10.96.0.0/16', 81, { cluster: 1 }),
    ...frontend(3, '::/0', 81, { pass: 'original_dst' }),
    ...ROUTES,
    name('listener', 3, 'three'),
    name('cluster', 1, 'outbound|80||ä'),
  ];
  await dataplane.apply(operations);
  const written = (map: string): { key: unknown; value: unknown }[] =>
    operations.flatMap((operation) => (operation.op === 'put' && operation.map === map ? [{ key: operation.key, value: operation.value }] : []));
  test.same(
    inOrder(dataplane.read()),
    inOrder({
      frontends: [...written('km_listener'), ...written('km_prefix')],
      splits: written('km_split'),
      clusters: written('km_cluster').map(({ key, value }) => ({ id: key, value })),
      slots: written('km_slot'),
      routes: written('km_routes').map(({ key, value }) => ({ id: key, value })),
      domains: [...written('km_domain'), ...written('km_wild')].map(({ key, value }) => ({ key, vhost: value })),
      vhosts: written('km_vhost').map(({ key, value }) => ({ id: key, value })),
      steps: written('km_step').map(({ key, value }) => ({ key, op: (value as StepRecord).op, value })),
      automata: written('km_automaton').map(({ key, value }) => ({ id: key, value })),
      names: written('km_name').map(({ key, value }) => ({ key, name: value })),
      states: { listeners: [3], clusters: [1, 2], endpoints: [endpointId(1, 4, 0), endpointId(1, 6, 0), endpointId(1, 6, 1)] },
    } as MapContents),
  );

  const deletions = operations.filter((o) => o.op === 'put').map((o) => ({ op: 'delete', map: o.map, key: o.key }) as Operation);
  await dataplane.apply([...deletions, { op: 'barrier' }, ...deletions]);
  const { states, ...rest } = dataplane.read();
  test.same([...Object.values(rest), ...Object.values(states)].flat(), [], 'nothing is left, and deleting twice is no error');
  dataplane.close();
});

await t.test('a program is written and removed as a whole, and leaves others alone', async (test) => {
  const { dataplane } = openStage(options);
  const written = (program: number) => ({ op: 'put program', program, steps: new AdoptedSteps(STEPS.map((value) => ({ value }))) }) as const;
  const steps = (program: number) => STEPS.map((value, index) => ({ key: { program, index }, op: value.op, value }));
  const inTurn = (contents: MapContents): unknown => plain(contents).sort((one, other) => one.key.program - other.key.program || one.key.index - other.key.index);
  await dataplane.apply([written(5), written(6), name('cluster', 1, 'behind')]);
  test.same(inTurn(dataplane.read()), [...steps(5), ...steps(6)]);
  await dataplane.apply([{ op: 'delete program', program: 5, steps: new AdoptedSteps(STEPS.slice(1).map((value) => ({ value }))) }]);
  test.same(inTurn(dataplane.read()), [steps(5).at(STEPS.length - 1), ...steps(6)], 'but for what the table has not');
  dataplane.close();
});

await t.test('a counter entry that is there keeps its counts', async (test) => {
  const { dataplane, cgroup } = openStage(options);
  const operations = [...cluster(1, { v4: [a] }), ...frontend(1, '10.96.0.1', 80, { cluster: 1 })];
  await dataplane.apply(operations);
  await connectIn(cgroup, '-n', 3, '10.96.0.1', 80);
  await dataplane.apply(operations);
  test.same(dataplane.counters().listeners.get(1), { steered: 3, passed: 0, refused: 0 });
  test.same(dataplane.counters().endpoints.get(endpointId(1, 4, 0)), { active: 0, steered: 3, failed: 3 });
  dataplane.close();
});

const FULL: readonly (readonly [string, string, number, (i: number) => Operation])[] = [
  ['km_slot', '--max-endpoints', SIZES.endpoints, (i) => ({ op: 'put', map: 'km_slot', key: { clusterId: 1, family: 4, index: i }, value: { primary: { address: '10.0.0.1', port: 1, endpointId: 1 }, alias: { address: '10.0.0.1', port: 1, endpointId: 1 }, threshold: 0 } })],
  ['km_endpoint_state', '--max-endpoints', SIZES.endpoints, (i) => ({ op: 'put', map: 'km_endpoint_state', key: i + 1, value: null })],
  ['km_listener', '--max-listeners', SIZES.listeners, (i) => frontend(1, `10.96.0.${i}`, 80, { cluster: 1 })[1]!],
  ['km_prefix', '--max-prefixes', SIZES.prefixes, (i) => frontend(1, `10.${i}.0.0/16`, 80, { cluster: 1 })[1]!],
  ['km_split', '--max-splits', SIZES.splits, (i) => ({ op: 'put', map: 'km_split', key: { splitId: 1, index: i }, value: { clusterId: 1, aliasClusterId: 1, threshold: 0 } })],
  ['km_routes', '--max-route-tables', SIZES.routeTables, (i) => ({ op: 'put', map: 'km_routes', key: i + 1, value: { any: 0, ignorePort: false } })],
  ['km_domain', '--max-domains', SIZES.domains, (i) => ({ op: 'put', map: 'km_domain', key: { routes: 1, kind: 'exact', text: `${i}` }, value: 1 })],
  ['km_wild', '--max-domains', SIZES.domains, (i) => ({ op: 'put', map: 'km_wild', key: { routes: 1, kind: 'suffix', text: `.${i}` }, value: 1 })],
  ['km_vhost', '--max-virtual-hosts', SIZES.virtualHosts, (i) => ({ op: 'put', map: 'km_vhost', key: i + 1, value: { program: 1, n: 1 } })],
  ['km_step', '--max-route-steps', SIZES.routeSteps, (i) => ({ op: 'put', map: 'km_step', key: { program: 1, index: i }, value: { op: 'default', why: 'no_route' } })],
  ['km_automaton', '--max-automata', SIZES.automata, (i) => ({ op: 'put', map: 'km_automaton', key: i + 1, value: AUTOMATA[0]! })],
  ['km_cluster', '--max-clusters', SIZES.clusters, (i) => cluster(i + 1, {}).at(-1)!],
];

for (const [map, option, size, operation] of FULL) {
  await t.test(`${map} that is full names itself, its size and ${option}`, async (test) => {
    const { dataplane } = openStage(options);
    await dataplane.apply(cluster(1, { v4: [a] }));
    const before = dataplane.read();
    const operations = Array.from({ length: size + 1 }, (_, i) => operation(i));
    const error = await dataplane.apply([...operations, name('cluster', 1, 'behind')]).then(() => undefined, (reason: unknown) => reason);
    test.ok(error instanceof DataplaneError);
    test.match(error, { code: 'KM_MAP_FULL', message: new RegExp(`${map} .*${size}.*${option}`) });
    test.same(dataplane.read().names, [], 'what comes behind was not written');
    // What can be written goes on.
    await dataplane.apply([name('cluster', 1, 'one')]);
    test.same(dataplane.read().states.clusters, before.states.clusters);
    test.same(dataplane.read().names.length, 1);
    dataplane.close();
  });
}

await t.test('nothing is written behind a batch that finds no room, and what was before it is there', async (test) => {
  const room = 5000;
  const { dataplane } = openStage({ ...options, sizes: { ...SIZES, endpoints: room } });
  const operations = Array.from({ length: 2 * room }, (_, i): Operation => {
    const primary = { address: '10.0.0.1', port: 80, endpointId: i + 1 };
    return { op: 'put', map: 'km_slot', key: { clusterId: 1, family: 4, index: i }, value: { primary, alias: primary, threshold: 0 } };
  });
  await test.rejects(dataplane.apply([name('cluster', 1, 'before'), ...operations, name('cluster', 2, 'behind')]), { code: 'KM_MAP_FULL', message: /km_slot.*5000.*--max-endpoints/ });
  test.same(dataplane.read().names.map((one) => one.name), ['before']);
  test.equal(dataplane.read().slots.length, room);
  dataplane.close();
});

await t.test('a record that does not fit is an error that names the map, and nothing of its run is written', async (test) => {
  const { dataplane } = openStage(options);
  const good = frontend(1, '10.96.0.1', 80, { cluster: 1 });
  await test.rejects(dataplane.apply([...good, frontend(1, 'fd00::x', 80, { cluster: 1 })[1]!]), { code: 'KM_MAP_ACCESS', message: /km_listener.*"fd00::x"/ });
  test.same(dataplane.read().frontends, []);
  dataplane.close();
});

await t.test('a barrier does not hold up the event loop', async (test) => {
  const { dataplane } = openStage(options);
  const barrier = dataplane.apply([{ op: 'barrier' }]);
  // One that waited in the loop itself would be over before the loop turns.
  test.equal(await Promise.race([barrier.then(() => 'the barrier'), nextTurn().then(() => 'the event loop')]), 'the event loop');
  await barrier;
  dataplane.close();
});

await t.test('100,000 slots are written in batches, and all are there', async (test) => {
  const many = 100_000;
  const { dataplane } = openStage({ ...options, sizes: { ...SIZES, endpoints: many } });
  const operations = Array.from({ length: many }, (_, i): Operation => {
    const primary = { address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, port: 80, endpointId: i + 1 };
    return { op: 'put', map: 'km_slot', key: { clusterId: 1 + Math.floor(i / 10), family: 4, index: i % 10 }, value: { primary, alias: primary, threshold: 0xffffffff } };
  });
  await dataplane.apply(operations);
  test.equal(dataplane.read().slots.length, many);
  dataplane.close();
});
