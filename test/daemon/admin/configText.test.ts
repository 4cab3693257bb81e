// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { configText } from '../../../daemon/admin/configText.js';
import { configDump } from '../../../daemon/admin/views.js';
import type { Applied } from '../../../daemon/applied.js';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { assignment, at, eds, lbEndpoint, listener, prefixRoute, rds, resources, routeTable, virtualHost } from '../model/protos.js';

function applied(clusters: Cluster[], appliedAt = new Date(0)): Applied {
  const all = resources({
    listeners: [listener({ name: 'l', address: at('10.96.0.1', 80), filterChains: [{ filters: [rds('r')] }] })],
    routes: [routeTable('r', [virtualHost(['x', 'a'], [prefixRoute('/b', 'b'), prefixRoute('/', 'a')], 'h')])],
    clusters,
    endpoints: [assignment('a', { lbEndpoints: [lbEndpoint('10.0.0.2', 80, undefined, 3), lbEndpoint('10.0.0.1', 80)] })],
  });
  return { model: createModelBuilder()(all), resources: all, appliedAt, stale: false, error: undefined, operations: 0, durationMs: 0 };
}

const outlier = eds('a', { outlierDetection: {} });

t.test('what came, what is enforced, what is not', async (t) => {
  const lines = configText(applied([eds('b'), outlier])).split('\n');
  t.same(lines.filter((line) => line.startsWith('came')), ['came cluster a', 'came cluster b', 'came endpoints a', 'came listener l', 'came route r']);
  t.ok(lines.includes('enforced address 10.96.0.1/32:80 pass (passthrough), requests by table r, listener l'));
  t.ok(lines.includes('enforced cluster a round_robin: 10.0.0.1:80, 3 x 10.0.0.2:80'));
  t.ok(lines.includes('enforced cluster b round_robin: refuse (no_endpoints)'));
  t.match(lines.find((line) => line.startsWith('enforced route')), /^enforced route r h \[a x\]: 0: field path/);
  t.match(lines.find((line) => line.startsWith('not enforced cluster')), /^not enforced cluster a outlier_detection at outlierDetection: endpoints are ejected when connects in a row fail/);
});

t.test('the same configuration is the same text, whatever came first and whenever', async (t) => {
  t.equal(configText(applied([eds('b'), outlier])), configText(applied([outlier, eds('b')], new Date(5000))));
  t.equal(configText({ ...applied([]), model: undefined, resources: undefined }), '');
});

t.test('/config_dump has what came, and of each what is not enforced', async (t) => {
  t.match(configDump(applied([outlier, eds('b')]), new Map([['b', new Set(['10.0.0.2 80'])]]), undefined, { state: 'off', reason: '' }), { resources: { clusters: [{ name: 'a', notEnforced: ['outlier_detection'] }, { name: 'b', notEnforced: undefined }], endpoints: [{ name: 'a' }] } });
});

t.test('what is not enforced comes in the same order, whatever came first', async (t) => {
  const two = [outlier, eds('c', { outlierDetection: {} })];
  const dumps = [two, two.toReversed()].map((clusters) => JSON.stringify(configDump(applied(clusters), new Map(), undefined, { state: 'off', reason: '' })));
  t.equal(dumps[0], dumps[1]);
  t.match(dumps[0]!, /"resource":"a","path":"outlierDetection".*"resource":"c","path":"outlierDetection"/);
});
