// SPDX-License-Identifier: Apache-2.0
/** One case for each row of docs/outcomes.md and each family, with errno, peer name and counted reason. */
import t, { type Test } from 'tap';
import type { Operation } from '../../daemon/diff/operations.js';
import type { ReasonName } from '../../daemon/maps/layout.js';
import { OWN_GID } from '../../daemon/identity.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { connectIn, connectOutside } from './client.js';
import { cluster, endpointId, frontend, split, type TargetSpec } from './mesh.js';
import { countedReasons, openStage, startBackend, stopBackends, type Stage } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const PORT = 80;
const four = await startBackend('four', '127.0.0.1');
const six = await startBackend('six', '::1');
const original = await startBackend('original', '127.0.0.9');
const closed = { name: 'closed', address: '127.0.0.1', port: 1 };
const away = { name: 'away', address: '10.99.0.1', port: PORT };

const CLUSTERS: Operation[][] = [
  cluster(1, { v4: [four] }),
  cluster(2, { v6: [six] }),
  cluster(3, { v4: [four], v6: [six] }),
  cluster(4, { v4: [four], panic: true }),
  cluster(5, { reason: 'no_endpoints' }),
  cluster(6, { reason: 'all_unhealthy' }),
  cluster(7, { kind: 'pass', reason: 'original_dst' }),
  cluster(8, { kind: 'pass', reason: 'passthrough' }),
  cluster(9, { kind: 'refuse', reason: 'blackhole' }),
  cluster(10, { v4: [four], max: 0 }),
  cluster(11, { v4: [closed] }),
  cluster(12, { v4: [away] }),
  // Records with holes, as only a bug of the daemon could leave them.
  cluster(13, { v4: [four] }).filter((operation) => operation.op === 'put' && operation.map !== 'km_slot'),
  cluster(14, { v4: [four], kind: 'pass', reason: 'blackhole' }),
];

interface Case {
  readonly name: string;
  readonly target?: TargetSpec;
  /** Address of the listener and of the client's connect(); `at` when they differ. */
  readonly listen?: string;
  readonly at?: string;
  readonly port?: number;
  /** Port of the client's connect() when it is not the listener's. */
  readonly askPort?: number;
  readonly client?: readonly (string | number)[];
  readonly errno?: string;
  readonly said?: string;
  /** Address that getpeername() answers; the one that was asked for when left out. */
  readonly peer?: string;
  readonly reason: ReasonName;
}

const STEERED = { errno: 'OK', reason: 'steered' } as const;
const REFUSED = { errno: 'ECONNREFUSED', said: '-', peer: '-' } as const;
/** There is no route to service addresses in the sandbox. */
const TO_NOWHERE = { errno: 'ENETUNREACH', said: '-', peer: '-' } as const;
const TO_ORIGINAL = { listen: '127.0.0.9', port: original.port, errno: 'OK', said: 'original' } as const;

const CASES: readonly Case[] = [
  { name: 'IPv4', target: { cluster: 1 }, ...STEERED, said: 'four' },
  { name: 'IPv6', target: { cluster: 2 }, listen: 'fd00::1', ...STEERED, said: 'six' },
  { name: 'v4-mapped', target: { cluster: 1 }, client: ['-6'], peer: '::ffff:', ...STEERED, said: 'four' },
  { name: 'an IPv6 service with IPv4 endpoints only', target: { cluster: 1 }, listen: 'fd00::2', ...STEERED, said: 'four' },
  { name: 'an IPv6 service with both takes IPv6', target: { cluster: 3 }, listen: 'fd00::3', ...STEERED, said: 'six' },
  { name: 'an IPv4 service with both takes IPv4', target: { cluster: 3 }, ...STEERED, said: 'four' },
  { name: 'v4-mapped, IPv6 endpoints only', target: { cluster: 2 }, client: ['-6'], peer: '::ffff:', ...STEERED, said: 'six' },
  { name: 'a split', target: { split: 1, n: 1 }, ...STEERED, said: 'four' },
  { name: 'panic', target: { cluster: 4 }, ...STEERED, reason: 'steered_panic', said: 'four' },
  { name: 'an IPv4 wildcard', target: { cluster: 1 }, listen: '0.0.0.0/0', at: '198.51.100.7', port: 81, ...STEERED, said: 'four' },
  { name: 'an IPv4 wildcard, asked for as v4-mapped', at: '198.51.100.8', port: 81, client: ['-6'], peer: '::ffff:', ...STEERED, said: 'four' },
  { name: 'an IPv6 wildcard', target: { cluster: 2 }, listen: '::/0', at: '2001:db8:9::7', port: 81, ...STEERED, said: 'six' },
  { name: 'no wildcard holds 127.0.0.0/8', at: '127.0.0.1', port: 81, errno: 'ECONNREFUSED', said: '-', peer: '-', reason: 'no_listener' },
  { name: 'nor ::1', at: '::1', port: 81, errno: 'ECONNREFUSED', said: '-', peer: '-', reason: 'no_listener' },
  { name: 'nor the v4-mapped form', at: '127.0.0.1', port: 81, client: ['-6'], errno: 'ECONNREFUSED', said: '-', peer: '-', reason: 'no_listener' },
  { name: 'a range before the wildcard', target: { refuse: 'blackhole' }, listen: '192.0.2.0/25', at: '192.0.2.127', port: 81, ...REFUSED, reason: 'blackhole' },
  { name: 'beside the range: the wildcard', at: '192.0.2.128', port: 81, ...STEERED, said: 'four' },
  { name: 'the exact address before the range', target: { cluster: 1 }, listen: '192.0.2.1', port: 81, ...STEERED, said: 'four' },
  { name: 'an IPv6 range', target: { refuse: 'blackhole' }, listen: '2001:db8:1::/48', at: '2001:db8:1::7', port: 81, ...REFUSED, reason: 'blackhole' },

  { name: 'no listener', at: '10.96.9.9', ...TO_NOWHERE, reason: 'no_listener' },
  { name: 'another port than the listener\'s', target: { cluster: 1 }, port: 8080, askPort: 8081, ...TO_NOWHERE, reason: 'no_listener' },
  { name: 'another port than the wildcard\'s', at: '198.51.100.7', port: 82, ...TO_NOWHERE, reason: 'no_listener' },
  { name: 'no listener, IPv6', at: 'fd00:9::9', ...TO_NOWHERE, reason: 'no_listener' },
  { name: 'ORIGINAL_DST', target: { cluster: 7 }, ...TO_ORIGINAL, reason: 'original_dst' },
  { name: 'PassthroughCluster', target: { cluster: 8 }, ...TO_NOWHERE, reason: 'passthrough' },
  { name: 'no default decision', target: { pass: 'passthrough' }, ...TO_NOWHERE, reason: 'passthrough' },
  { name: 'the own connection', target: { cluster: 1 }, client: ['-g', OWN_GID], ...TO_NOWHERE, reason: 'own_connection' },
  { name: 'the own connection, IPv6', target: { cluster: 2 }, listen: 'fd00::4', client: ['-g', OWN_GID], ...TO_NOWHERE, reason: 'own_connection' },
  { name: 'UDP', target: { cluster: 1 }, client: ['-u'], ...TO_NOWHERE, reason: 'not_tcp' },
  { name: 'UDP, IPv6', target: { cluster: 2 }, listen: 'fd00::5', client: ['-u'], ...TO_NOWHERE, reason: 'not_tcp' },

  { name: 'no endpoints', target: { cluster: 5 }, ...REFUSED, reason: 'no_endpoints' },
  { name: 'no endpoints, IPv6', target: { cluster: 5 }, listen: 'fd00::6', ...REFUSED, reason: 'no_endpoints' },
  { name: 'no endpoints, v4-mapped', target: { cluster: 5 }, client: ['-6'], ...REFUSED, reason: 'no_endpoints' },
  { name: 'all unhealthy', target: { cluster: 6 }, ...REFUSED, reason: 'all_unhealthy' },
  { name: 'cluster unknown', target: { cluster: 0 }, ...REFUSED, reason: 'cluster_unknown' },
  { name: 'an unknown cluster in a split', target: { split: 2, n: 1 }, ...REFUSED, reason: 'cluster_unknown' },
  { name: 'weights all 0', target: { refuse: 'weights_zero' }, ...REFUSED, reason: 'weights_zero' },
  { name: 'BlackHoleCluster', target: { cluster: 9 }, ...REFUSED, reason: 'blackhole' },
  { name: 'max_connections', target: { cluster: 10 }, ...REFUSED, reason: 'max_connections' },
  { name: 'an IPv4 socket, IPv6 endpoints only', target: { cluster: 2 }, ...REFUSED, reason: 'family_mismatch' },

  { name: 'an endpoint that refuses', target: { cluster: 11 }, ...REFUSED, reason: 'steered' },
  { name: 'an endpoint without a route', target: { cluster: 12 }, ...TO_NOWHERE, reason: 'steered' },

  { name: 'a split with a hole', target: { split: 99, n: 1 }, ...TO_NOWHERE, reason: 'err_split' },
  { name: 'a cluster with a hole', target: { cluster: 13 }, ...TO_NOWHERE, reason: 'err_slot' },
  { name: 'a cluster without a record', target: { cluster: 77 }, ...TO_NOWHERE, reason: 'err_target' },
  { name: 'a reason that does not fit', target: { pass: 'blackhole' }, ...TO_NOWHERE, reason: 'err_target' },
  { name: 'a cluster whose reason does not fit', target: { cluster: 14 }, ...TO_NOWHERE, reason: 'err_target' },
];

const listenerOf = (index: number): number => index + 1;
const addressOf = (c: Case, index: number): string => c.listen ?? `10.96.0.${index + 1}`;

async function prepare({ dataplane }: Stage): Promise<void> {
  const listeners = CASES.flatMap((c, index) => (c.target ? frontend(listenerOf(index), addressOf(c, index), c.port ?? PORT, c.target) : []));
  await dataplane.apply([
    ...CLUSTERS.flat(),
    ...split(1, [{ cluster: 1, weight: 1 }]),
    ...split(2, [{ cluster: 0, weight: 1 }]),
    ...listeners,
  ]);
}

async function check(test: Test, stage: Stage, c: Case, index: number, refusal: string): Promise<void> {
  const at = c.at ?? addressOf(c, index);
  const port = c.askPort ?? c.port ?? PORT;
  let connections;
  const reasons = await countedReasons(stage.dataplane, async () => {
    connections = await connectIn(stage.cgroup, ...(c.client ?? []), at, port);
  });
  const peer = c.peer === '-' ? '- 0' : `${c.peer ?? ''}${at} ${port}`;
  // A refusal of ours, not that of a port on which nobody listens.
  const ours = c.reason !== 'steered' && c.reason !== 'no_listener';
  const errno = ours && c.errno === 'ECONNREFUSED' ? refusal : c.errno;
  test.same(connections, [{ errno, peer, said: c.said }], c.name);
  test.same(reasons, { [c.reason]: 1 }, `${c.name}: counted as ${c.reason}, and as nothing else`);
}

await t.test('with bpf_set_retval', async (test) => {
  const stage = openStage();
  await prepare(stage);
  for (const [index, c] of CASES.entries()) await check(test, stage, c, index, 'ECONNREFUSED');

  const { listeners, clusters, endpoints } = stage.dataplane.counters();
  test.same([...clusters].filter(([, { active }]) => active !== 0), [], 'no cluster has active connections left');
  test.same([...endpoints].filter(([, { active }]) => active !== 0), [], 'no endpoint has active connections left');
  test.same(endpoints.get(endpointId(11, 4, 0)), { active: 0, steered: 1, failed: 1 }, 'a refused SYN is a failed connection');
  test.same(endpoints.get(endpointId(12, 4, 0)), { active: 0, steered: 1, failed: 1 }, 'a connect() that fails before its SYN gives its place back');
  test.same(endpoints.get(endpointId(4, 4, 0)), { active: 0, steered: 1, failed: 0 }, 'an established connection did not fail');
  test.same(clusters.get(5), { active: 0, steered: 0, refused: 3 });
  test.same(clusters.get(4), { active: 0, steered: 1, refused: 0 });
  for (const [index, c] of CASES.entries()) {
    // Other cases meet the wildcards too.
    if (!c.target || c.listen?.endsWith('/0')) continue;
    const bypassed = c.reason === 'own_connection' || c.reason === 'not_tcp' || c.reason === 'no_listener';
    const refused = c.errno === 'ECONNREFUSED' && c.reason !== 'steered';
    const expected = bypassed
      ? { steered: 0, passed: 0, refused: 0 }
      : { steered: c.reason.startsWith('steered') ? 1 : 0, passed: !c.reason.startsWith('steered') && !refused ? 1 : 0, refused: refused ? 1 : 0 };
    test.same(listeners.get(listenerOf(index)), expected, `listener of: ${c.name}`);
  }
  test.same(await connectOutside('10.96.0.1', PORT), [{ errno: 'ENETUNREACH', peer: '- 0', said: '-' }], 'a process outside the cgroup is not steered');
  stage.dataplane.close();
});

await t.test('before bpf_set_retval a refusal is EPERM', async (test) => {
  const stage = openStage({ setRetval: false });
  await prepare(stage);
  for (const [index, c] of CASES.entries()) {
    if (c.errno === 'ECONNREFUSED') await check(test, stage, c, index, 'EPERM');
  }
  stage.dataplane.close();
});
