// SPDX-License-Identifier: Apache-2.0
/** What becomes of a connection whose request is shown, and of one that waits for it. */
import t, { type Test } from 'tap';
import type { Operation, StepRecord } from '../../daemon/diff/operations.js';
import type { L7EventName, ReasonName } from '../../daemon/maps/layout.js';
import { WALK_ROUNDS } from '../../daemon/maps/layout.js';
import { enterSandbox, run } from '../helpers/sandbox.js';
import { connectIn, tally } from './client.js';
import { startRequestClient } from './requestClient.js';
import { ask, domain, NO_ROUTE, table, toCluster, vhost, type Question } from './routes.js';
import { cluster, frontend, split } from './mesh.js';
import { countedReasons, openStage, startBackend, stopBackends } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const NO_CLUSTER = 0;
const a = await startBackend('a', '127.0.0.1');
const b = await startBackend('b', '127.0.0.2');
const usual = await startBackend('default', '127.0.0.3');
const six = await startBackend('six', '::1');
const { dataplane, cgroup } = openStage();
t.teardown(() => dataplane.close());
const client = startRequestClient(cgroup);
t.teardown(() => client.close());

const prefix = (text: string): readonly Question[] => [
  { op: 'field', field: 'path' },
  { op: 'compare', bytes: Buffer.from(text), offset: 0, fromEnd: false, ignoreCase: false },
];
/** A program that only leads on: as long as a walk may be, or longer. */
const long = (steps: number, end: StepRecord): StepRecord[] => [...Array.from({ length: steps - 1 }, (_, i): StepRecord => ({ op: 'empty', then: i + 1, otherwise: i + 1 })), end];
const endless: StepRecord[] = [{ op: 'empty', then: 0, otherwise: 0 }];
const to = (kind: 'pass' | 'refuse', reason: number): StepRecord => ({ op: 'target', kind, target: 0, n: 0, reason });

await dataplane.apply([
  ...cluster(1, { v4: [a] }),
  ...cluster(2, { v4: [b] }),
  ...cluster(3, { v4: [usual], v6: [usual, six].slice(1) }),
  ...cluster(4, { v4: [a], max: 0 }),
  ...cluster(5, { v6: [six] }),
]);

interface Case {
  readonly name: string;
  readonly steps?: readonly StepRecord[];
  readonly head?: string;
  /** In the place of all records of a route table whose virtual host has the program. */
  readonly records?: (id: number) => readonly Operation[];
  readonly said?: string;
  readonly errno?: string;
  readonly reason?: ReasonName;
  /** What is counted of the request; nothing when left out. */
  readonly event?: L7EventName;
}

const GET = 'GET /a/b HTTP/1.1\r\nHost: shop\r\n\r\n';
const USUAL = { said: 'default', reason: 'steered' } as const;
const NOWHERE = { said: '-', errno: 'ENETUNREACH' } as const;
const REFUSED = { said: '-', errno: 'ECONNREFUSED' } as const;
const ROUTED = { event: 'routed' } as const;

const CASES: readonly Case[] = [
  { name: 'a route', steps: ask(prefix('/a'), toCluster(1), NO_ROUTE), said: 'a', ...ROUTED },
  { name: 'the first that matches', steps: [...ask(prefix('/a'), toCluster(1), toCluster(2))], said: 'a', ...ROUTED },
  { name: 'no route', steps: ask(prefix('/b'), toCluster(1), NO_ROUTE), ...USUAL, event: 'no_route' },
  { name: 'an undecidable one', steps: [{ op: 'default', why: 'undecidable' }], ...USUAL, event: 'undecidable' },
  { name: 'no virtual host', records: (id) => [table(id)], ...USUAL, event: 'no_virtual_host' },
  { name: 'a cluster that is not known', steps: [toCluster(NO_CLUSTER)], ...REFUSED, reason: 'cluster_unknown', ...ROUTED },
  { name: 'a cluster that is full', steps: [toCluster(4)], ...REFUSED, reason: 'max_connections', ...ROUTED },
  { name: 'a cluster of the other family', steps: [toCluster(5)], ...REFUSED, reason: 'family_mismatch', ...ROUTED },
  { name: 'PassthroughCluster', steps: [to('pass', 12)], ...NOWHERE, reason: 'passthrough', ...ROUTED },
  { name: 'weights all 0', steps: [to('refuse', 23)], ...REFUSED, reason: 'weights_zero', ...ROUTED },

  { name: 'a TLS ClientHello', steps: [toCluster(1)], head: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', ...USUAL, event: 'not_complete' },
  { name: 'HTTP/2', steps: [toCluster(1)], head: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ...USUAL, event: 'not_complete' },
  { name: 'not HTTP', steps: [toCluster(1)], head: 'SSH-2.0-x\r\n', ...USUAL, event: 'not_complete' },
  { name: 'broken HTTP', steps: [toCluster(1)], head: 'GET / HTTP/1.1\r\nHost: a\n', ...USUAL, event: 'not_complete' },
  { name: 'half a head', steps: [toCluster(1)], head: 'GET / HTTP/1.1\r\nHo', ...USUAL, event: 'not_complete' },

  { name: 'as many steps as a walk takes', steps: long(WALK_ROUNDS, toCluster(1)), said: 'a', ...ROUTED },
  { name: 'one step more', steps: long(WALK_ROUNDS + 1, toCluster(1)), ...USUAL, event: 'budget' },
  { name: 'a program that never ends', steps: endless, ...USUAL, event: 'budget' },

  // Records with holes, as only a bug of the daemon could leave them.
  { name: 'a table that is not there', records: () => [], ...NOWHERE, reason: 'err_route' },
  { name: 'a virtual host that is not there', records: (id) => [table(id, { any: 9999 })], ...NOWHERE, reason: 'err_route' },
  { name: 'a program without its first step', steps: [], ...NOWHERE, reason: 'err_route' },
  { name: 'a jump behind the end', steps: [{ op: 'empty', then: 7, otherwise: 7 }], ...NOWHERE, reason: 'err_route' },
  { name: 'a split with a hole', steps: [{ op: 'target', kind: 'split', target: 99, n: 1, reason: 0 }], ...NOWHERE, reason: 'err_split', ...ROUTED },
  { name: 'a reason that does not fit', steps: [to('pass', 24)], ...NOWHERE, reason: 'err_target', ...ROUTED },
];

async function check(test: Test, c: Case, id: number): Promise<void> {
  const address = `10.96.1.${id}`;
  const records = c.records ? c.records(id) : [...vhost(id, c.steps ?? []), domain(id, 'shop', id), table(id)];
  await dataplane.apply([...records, ...frontend(id, address, PORT, { cluster: 3 }, id)]);
  const before = dataplane.counters().l7;
  let connections;
  const reasons = await countedReasons(dataplane, async () => {
    connections = await client.connect(address, PORT, c.head ?? GET);
  });
  const peer = c.errno === undefined ? `${address} ${PORT}` : '- 0';
  test.same(connections, [{ errno: c.errno ?? 'OK', peer, said: c.said }], c.name);
  test.same(reasons, { [c.reason ?? 'steered']: 1 }, `${c.name}: counted by its outcome alone`);
  const events = Object.entries(dataplane.counters().l7).filter(([event, count]) => count !== before[event as L7EventName]);
  test.same(events.map(([event]) => event), c.event === undefined ? [] : [c.event], `${c.name}: and by what became of its request`);
}

await t.test('each outcome', async (test) => {
  for (const [index, c] of CASES.entries()) await check(test, c, index + 1);
});

await t.test('a listener counts a routed connection once, and an IPv6 one is routed too', async (test) => {
  await dataplane.apply([...vhost(200, [toCluster(5)]), table(200, { any: 200 }), ...frontend(200, 'fd00::200', PORT, { cluster: 3 }, 200)]);
  test.same(await client.connect('fd00::200', PORT, GET), [{ errno: 'OK', peer: `fd00::200 ${PORT}`, said: 'six' }]);
  test.same(dataplane.counters().listeners.get(200), { steered: 1, passed: 0, refused: 0 });
});

await t.test('weighted clusters of a route share 80 to 20', async (test) => {
  const many = 4000;
  await dataplane.apply([
    ...split(7, [{ cluster: 1, weight: 80 }, { cluster: 2, weight: 20 }]),
    ...vhost(201, [{ op: 'target', kind: 'split', target: 7, n: 2, reason: 0 }]),
    table(201, { any: 201 }),
    ...frontend(201, '10.96.0.201', PORT, { cluster: 3 }, 201),
  ]);
  const counts = tally(await client.connect('10.96.0.201', PORT, GET, many));
  test.equal(counts['a']! + counts['b']!, many);
  test.ok(Math.abs((counts['a']! * 100) / many - 80) <= 2, `a has ${counts['a']} of ${many}`);
});

await t.test('without the module a connection goes by the default decision at once', async (test) => {
  await dataplane.apply([...vhost(202, [toCluster(1)]), table(202, { any: 202 }), ...frontend(202, '10.96.0.202', PORT, { cluster: 3 }, 202)]);
  const reasons = await countedReasons(dataplane, async () => {
    test.same(tally(await connectIn(cgroup, '10.96.0.202', PORT)), { default: 1 });
  });
  test.same(reasons, { steered: 1 }, 'and is not counted as held back');
});

await t.test('a socket whose congestion control an earlier route locked is not taken for one that is held back', async (test) => {
  run('ip', ['route', 'replace', 'table', 'local', 'local', '127.0.0.9/32', 'dev', 'lo', 'congctl', 'lock', 'reno']);
  const locked = await startBackend('locked', '127.0.0.9');
  const reasons = await countedReasons(dataplane, async () => {
    test.same(tally(await connectIn(cgroup, locked.address, locked.port, '10.96.0.202', PORT)), { default: 1 });
  });
  test.same(reasons, { no_listener: 1, steered: 1 });
});

await t.test('a listener without a route table does not look for a request', async (test) => {
  await dataplane.apply(frontend(203, '10.96.0.203', PORT, { cluster: 3 }));
  const before = dataplane.counters().l7;
  test.same(tally(await client.connect('10.96.0.203', PORT, GET)), { default: 1 });
  test.same(dataplane.counters().l7, before);
});

await t.test('a socket of the own group is not routed', async (test) => {
  const reasons = await countedReasons(dataplane, () => connectIn(cgroup, '-g', 0x4b6d7368, '10.96.0.202', PORT));
  test.same(reasons, { own_connection: 1 });
});
