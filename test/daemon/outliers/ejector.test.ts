// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { Failures } from '../../../daemon/maps/dataplane.js';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { OutlierDetection } from '../../../daemon/model/outliers.js';
import { Ejector } from '../../../daemon/outliers/ejector.js';
import { lookAtFailures } from '../../../daemon/outliers/watch.js';
import { FakeClock } from '../../helpers/fakeClock.js';
import { assignment, at, eds, lbEndpoint, listener, resources, tcpTo } from '../model/protos.js';

const SECOND = 1000;
const RULES: OutlierDetection = { rules: [{ failures: 5, percent: 100 }], hosts: 4, gone: [], intervalMs: 10 * SECOND, baseMs: 30 * SECOND, mostMs: 100 * SECOND, jitterMs: 0, mostPercent: 50, alwaysOne: false };
const host = (n: number) => ({ address: `10.0.0.${n}`, port: 80 });

function begin(random = 0) {
  const clock = new FakeClock();
  const told: string[] = [];
  const ejector = new Ejector(clock, () => random, (what) => told.push(what));
  const fail = (n: number, most = 5, outliers = RULES): boolean => ejector.judge({ cluster: 'c', outliers, endpoint: host(n), most });
  const out = (): string[] => [...(ejector.ejections.get('c') ?? [])];
  return { clock, ejector, told, fail, out };
}

t.test('so many failures in a row eject, for the base time', async (t) => {
  const { clock, ejector, told, fail, out } = begin();
  t.notOk(fail(1, 4), 'the row goes on');
  t.same(out(), []);
  t.ok(fail(1));
  t.same(out(), ['10.0.0.1 80']);
  t.ok(fail(1), 'one that is ejected already stays so');
  t.equal(ejector.count, 1);
  clock.advance(30 * SECOND - 1);
  t.same(out(), ['10.0.0.1 80']);
  clock.advance(1);
  t.same(out(), []);
  t.same(told, ['endpoint 10.0.0.1 port 80 of cluster c is ejected for 30 s: 5 connects in a row failed', 'endpoint 10.0.0.1 port 80 of cluster c gets connections again']);
  t.same(clock.waits, []);
});

t.test('again and again it takes longer, up to the longest time; intervals that go well count back', async (t) => {
  const { clock, fail } = begin();
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    fail(1);
    times.push(clock.waits[0]! / SECOND);
    clock.advance(clock.waits[0]!);
  }
  t.same(times, [30, 60, 90, 100, 100]);
  clock.advance(39 * SECOND);
  fail(1);
  t.equal(clock.waits[0]! / SECOND, 90, 'five times, less three intervals, and this one');
});

t.test('no more of a cluster than its limit, but one where that is asked for', async (t) => {
  const { fail, out } = begin();
  for (const n of [1, 2, 3]) t.ok(fail(n), 'counted anew, ejected or not');
  t.same(out(), ['10.0.0.1 80', '10.0.0.2 80'], 'half of four');
  const narrow = begin();
  narrow.fail(1, 5, { ...RULES, mostPercent: 10 });
  t.same(narrow.out(), []);
  for (const n of [1, 2]) narrow.fail(n, 5, { ...RULES, mostPercent: 10, alwaysOne: true });
  t.same(narrow.out(), ['10.0.0.1 80']);
});

t.test('rules that are enforced in part, and jitter', async (t) => {
  const half = { ...RULES, rules: [{ failures: 5, percent: 50 }], jitterMs: 10 * SECOND };
  const unlucky = begin(0.5);
  t.ok(unlucky.fail(1, 5, half));
  t.same(unlucky.out(), []);
  const lucky = begin(0.4);
  lucky.fail(1, 5, half);
  t.same(lucky.clock.waits, [34 * SECOND]);
});

t.test('a cluster that goes, or ejects nobody any more, leaves nothing behind', async (t) => {
  const { clock, ejector, fail, out } = begin();
  fail(1);
  const build = createModelBuilder();
  const ejecting = build(resources({ clusters: [eds('c', { outlierDetection: {} })] }));
  ejector.keep(ejecting.clusters);
  t.equal(out().length, 1);
  ejector.keep(build(resources({ clusters: [eds('c')] })).clusters);
  t.same([out(), clock.waits], [[], []]);
});

t.test('an ejected endpoint that leaves its cluster is forgotten: it takes no room from others, and begins anew when it comes back', async (t) => {
  const { clock, ejector, fail, out } = begin();
  const build = createModelBuilder();
  const configure = (...hosts: number[]): void => {
    const parts = { clusters: [eds('c', { outlierDetection: {} })], endpoints: [assignment('c', { lbEndpoints: hosts.map((n) => lbEndpoint(`10.0.0.${n}`, 80)) })] };
    ejector.keep(build({ ...resources(parts), ejected: ejector.ejections }).clusters);
  };
  for (const n of [1, 2, 3]) fail(n);
  configure(1, 2, 3, 4);
  t.same(out(), ['10.0.0.1 80', '10.0.0.2 80'], 'who stays, stays out');
  configure(2, 3, 4, 5);
  t.same(out(), ['10.0.0.2 80']);
  t.equal(clock.waits.length, 1, 'its time is not waited for');
  fail(3);
  t.same(out(), ['10.0.0.2 80', '10.0.0.3 80'], 'half of four');
  configure(1, 4);
  t.same([out(), clock.waits], [[], []]);
  fail(1);
  t.same(clock.waits, [30 * SECOND], 'for the first time');
});

t.test('what the programs counted is judged by the endpoints in the maps, and what nobody needs is forgotten', async (t) => {
  const { ejector } = begin();
  const builder = createModelBuilder();
  const lb = { lbEndpoints: [1, 2, 3, 4].map((n) => lbEndpoint(`10.0.0.${n}`, 80)) };
  const parts = {
    listeners: ['c', 'plain'].map((name, i) => listener({ name, address: at(`10.96.0.${i + 1}`, 80), filterChains: [{ filters: [tcpTo(name)] }] })),
    clusters: [eds('c', { outlierDetection: { maxEjectionPercent: 50, consecutive5xx: 3 } }), eds('plain')],
    endpoints: [assignment('c', lb), assignment('plain', lb)],
  };
  const { image } = plan(createImage(), builder(resources(parts)), { sweep: { frontends: true, clusters: true, shared: true } });
  const idOf = (cluster: string, n: number): number => image.clusters.get(cluster)!.slots4.find((slot) => slot!.primary.address === `10.0.0.${n}`)!.primary.endpointId;
  const failures = new Map<number, Failures>([
    [idOf('c', 1), { inRow: 1, most: 3 }],
    [idOf('c', 2), { inRow: 2, most: 2 }],
    [idOf('c', 3), { inRow: 0, most: 2 }],
    [idOf('plain', 1), { inRow: 9, most: 9 }],
    [4711, { inRow: 9, most: 9 }],
  ]);
  const forgotten: number[] = [];
  lookAtFailures({ failures: () => failures, forgetFailures: (ids) => forgotten.push(...ids) }, image, ejector);
  t.same([...ejector.ejections], [['c', new Set(['10.0.0.1 80'])]]);
  t.same(forgotten, [...failures.keys()].filter((id) => id !== idOf('c', 2)), 'all but the row that goes on');
  const after = builder({ ...resources(parts), ejected: ejector.ejections }).clusters.get('c');
  t.match(after, { kind: 'endpoints', ipv4: [{ address: '10.0.0.2' }, { address: '10.0.0.3' }, { address: '10.0.0.4' }] });
});
