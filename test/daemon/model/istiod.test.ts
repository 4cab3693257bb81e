// SPDX-License-Identifier: Apache-2.0
// The captures of a real istiod, step by step. The facts are read by hand from the decoded captures and from
// what steps.json and the objects in istiod/inputs say was done.
import t from 'tap';
import type { Test } from 'tap';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { Cluster, MeshModel, Target } from '../../../daemon/model/types.js';
import { captures, Snapshot, steps } from './captures.js';

const SVC = 'default.svc.cluster.local';
const REVIEWS = '10.96.185.191/32:9080';
const MYSQL = '10.96.126.5/32:3306';
const reviews = (subset: string) => `outbound|9080|${subset}|reviews.${SVC}`;
const to = (cluster: string): Target => ({ kind: 'cluster', cluster });
const split = (...arms: [string, number][]): Target => ({ kind: 'split', clusters: arms.map(([cluster, weight]) => ({ cluster, weight })) });

const target = (model: MeshModel, key: string): Target | undefined => model.frontends.get(key)?.target;

function endpointsOf(model: MeshModel, name: string): string[] {
  const cluster = model.clusters.get(name);
  return cluster?.kind === 'endpoints' ? [...cluster.ipv4, ...cluster.ipv6].map(({ address }) => address).sort() : [];
}

const features = (model: MeshModel, feature: string): string[] => model.notEnforced.filter((item) => item.feature === feature).map(({ resource, path }) => `${resource} ${path}`);

/** After each step: numbers of frontends, clusters and not-enforced items, and what the step changed. */
const facts: Record<string, { counts: [number, number, number]; check: (t: Test, model: MeshModel) => void }> = {
  initial: {
    counts: [30, 29, 35],
    check: (t, model) => {
      t.same(target(model, REVIEWS), to(reviews('')));
      t.same(endpointsOf(model, reviews('')), ['10.244.1.18', '10.244.2.16', '10.244.3.17']);
      t.same(target(model, '0.0.0.0/0:9080'), to('PassthroughCluster'), 'an address that no virtual host holds goes on');
      t.same(target(model, '10.96.60.101/32:8000'), to('outbound|8000||auto.db.svc.cluster.local'), 'a VIP listener takes its default chain');
      t.same(model.clusters.get('PassthroughCluster'), { kind: 'pass', name: 'PassthroughCluster', reason: 'passthrough' });
      t.same(model.clusters.get('BlackHoleCluster'), { kind: 'refuse', name: 'BlackHoleCluster', reason: 'blackhole' });
      t.same(model.clusters.get('outbound|9042||cassandra.db.svc.cluster.local'), { kind: 'pass', name: 'outbound|9042||cassandra.db.svc.cluster.local', reason: 'original_dst' });
      t.notOk([...model.frontends.values()].some(({ port }) => port === 15001 || port === 15006), 'no frontend of the virtual listeners');
      t.same(features(model, 'inbound_listener'), ['virtualInbound ']);
      t.same(features(model, 'internal_listener'), ['connect_originate ']);
    },
  },
  1: {
    counts: [30, 32, 57],
    check: (t, model) => {
      t.same(target(model, REVIEWS), split([reviews('v1'), 80], [reviews('v3'), 20]));
      const ratings = model.clusters.get(`outbound|9080||ratings.${SVC}`);
      t.match(ratings, { lb: 'least_request', maxConnections: 100 });
      t.match(model.clusters.get(reviews('v3')), { lb: 'random', maxConnections: undefined });
      t.same(features(model, 'consistent_hash'), [`${reviews('v2')} lbPolicy`]);
      t.same(features(model, 'outlier_detection'), [`outbound|9080||ratings.${SVC} outlierDetection`]);
      t.same(features(model, 'redirect'), [9080, 80].map((port) => `${port} virtualHosts[ratings.${SVC}:${port}].routes[1]`));
      t.same(features(model, 'keep_alive'), [9080, 80].map((port) => `${port} virtualHosts[reviews.${SVC}:${port}]`), 'where routes of one host differ');
      t.same(features(model, 'regex'), [], "jason's cookie is something simpler");
    },
  },
  2: {
    counts: [35, 41, 61],
    check: (t, model) => {
      const mysql = (subset: string) => `outbound|3306|${subset}|mysql.db.svc.cluster.local`;
      t.same(target(model, MYSQL), split([mysql('primary'), 75], [mysql('replica'), 25]));
      t.same(endpointsOf(model, mysql('replica')), ['10.244.2.28', '10.244.3.27']);
      t.same(target(model, '203.0.113.0/28:6379'), to('outbound|6379||redis.example.com'), 'a range is a frontend of its own');
      t.same(target(model, '240.240.0.1/32:443'), to('PassthroughCluster'), 'server names are not known at connect()');
      t.ok(features(model, 'filter_chain_match.server_names').includes('240.240.0.1_443 filterChains[0]'));
      t.same(endpointsOf(model, 'outbound|80||api.example.com'), [], 'its name was not looked up');
    },
  },
  3: { counts: [35, 41, 61], check: (t, model) => t.same(target(model, REVIEWS), split([reviews('v1'), 50], [reviews('v3'), 50])) },
  4: {
    counts: [35, 41, 61],
    check: (t, model) => {
      t.same(endpointsOf(model, reviews('v1')), ['10.244.1.30', '10.244.2.16', '10.244.3.31']);
      t.equal(endpointsOf(model, reviews('')).length, 5);
    },
  },
  5: {
    counts: [35, 41, 61],
    check: (t, model) => {
      for (const name of [reviews('v1'), `outbound|9080||reviews-v1.${SVC}`]) t.same(endpointsOf(model, name), ['10.244.1.30', '10.244.2.16'], 'the pod that is not ready is left out');
      t.match(model.clusters.get(reviews('v1')), { panic: false });
    },
  },
  6: {
    counts: [36, 42, 65],
    check: (t, model) => {
      t.same(target(model, '10.96.83.160/32:5000'), to(`outbound|5000||helloworld2.${SVC}`));
      t.equal(model.frontends.get('10.96.83.160/32:5000')?.listener, '10.96.83.160_5000', 'the VIP listener before the wildcard one');
      t.same(endpointsOf(model, `outbound|5000||helloworld2.${SVC}`), [], 'nothing is behind it yet');
    },
  },
  7: {
    counts: [36, 42, 65],
    check: (t, model) => {
      t.match(model.clusters.get(reviews('v3')), { kind: 'endpoints', ipv4: [], ipv6: [], empty: 'no_endpoints' });
      t.same(target(model, REVIEWS), split([reviews('v1'), 50], [reviews('v3'), 50]));
    },
  },
  8: {
    counts: [36, 42, 53],
    check: (t, model) => {
      t.same(features(model, 'redirect'), []);
      t.same(target(model, '10.96.219.75/32:9080'), to(`outbound|9080||ratings.${SVC}`));
    },
  },
  9: {
    counts: [34, 41, 50],
    check: (t, model) => {
      t.notOk([...model.frontends.keys()].some((key) => key === '10.96.17.172/32:5000' || key === '0.0.0.0/0:5000'));
      t.notOk(model.clusters.has(`outbound|5000||helloworld.${SVC}`));
    },
  },
  10: {
    counts: [29, 32, 46],
    check: (t, model) => {
      t.same(target(model, MYSQL), to('outbound|3306||mysql.db.svc.cluster.local'));
      t.notOk(model.frontends.has('203.0.113.0/28:6379'));
    },
  },
};

t.test('the eleven steps of a real istiod', captures, (t) => {
  const snapshot = new Snapshot();
  const build = createModelBuilder();
  for (const { step, sotw } of steps()) {
    for (const file of sotw) snapshot.read(`sotw/${file}`);
    const model = build(snapshot.resources);
    t.test(`step ${step}`, (t) => {
      const { counts, check } = facts[step]!;
      t.same([model.frontends.size, model.clusters.size, model.notEnforced.length], counts);
      check(t, model);
      t.end();
    });
  }
  t.end();
});

t.test('dual stack: the same decisions for IPv6', captures, (t) => {
  const model = createModelBuilder()(Snapshot.of('dual').resources);
  t.same(target(model, 'fd00:10:96::1bb/128:8000'), to('outbound|8000||six.db.svc.cluster.local'), 'a bracketed domain of the route table');
  t.same(target(model, 'fd00:10:96::1bb/128:8443'), to('outbound|8443||six.db.svc.cluster.local'), 'an IPv6 listener');
  t.same(target(model, 'fd00:10:96::4581/128:8000'), to('outbound|8000||auto.db.svc.cluster.local'), 'the additional address of a VIP listener');
  t.same(target(model, '::/0:9080'), to('PassthroughCluster'));
  const auto = model.clusters.get('outbound|8000||auto.db.svc.cluster.local') as Extract<Cluster, { kind: 'endpoints' }>;
  t.same([auto.ipv4, auto.ipv6].map((list) => list.map(({ address, port }) => `${address} ${port}`)), [
    ['10.244.1.23 8080', '10.244.2.22 8080'],
    ['fd00:10:244:1::17 8080', 'fd00:10:244:2::16 8080'],
  ]);
  t.end();
});

t.test('a thousand services: the numbers, and what an unchanged call costs', captures, (t) => {
  const { resources } = Snapshot.of('thousand');
  const build = createModelBuilder();
  const started = performance.now();
  const first = build(resources);
  const middle = performance.now();
  const second = build(resources);
  t.comment(`first ${(middle - started).toFixed(0)} ms, unchanged ${(performance.now() - middle).toFixed(1)} ms`);
  t.same([first.frontends.size, first.clusters.size], [1535, 1541]);
  t.equal(endpointsOf(first, 'outbound|80||svc-0883.load.svc.cluster.local').length, 10);
  for (const [name, cluster] of first.clusters) if (second.clusters.get(name) !== cluster) t.fail('a cluster was built anew', { name });
  for (const [key, frontend] of first.frontends) if (second.frontends.get(key) !== frontend) t.fail('a frontend was built anew', { key });
  t.end();
});
