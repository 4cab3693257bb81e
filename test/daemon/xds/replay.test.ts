// SPDX-License-Identifier: Apache-2.0
// The captures of a real istiod, sent again as they came, step by step.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { HealthStatus } from '../../../daemon/proto/envoy/config/core/v3/health_check.js';
import type { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '../../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import type { Resources } from '../../../daemon/model/resources.js';
import { createXdsSource } from '../../../daemon/xds/index.js';
import { systemClock } from '../../../daemon/xds/source.js';
import { AdsServer } from '../../helpers/adsServer.js';
import { DeltaServer } from '../../helpers/deltaServer.js';
import { modelValidators } from '../../helpers/modelValidators.js';
import { XdsRecorder } from '../../helpers/xdsRecorder.js';

const captures = '../shared/fixtures/istiod';
const skip = existsSync(captures) ? false : `${captures} is not there`;

/** Listens, with a daemon's source connected to it. */
async function connected<S extends AdsServer | DeltaServer>(t: Test, server: S): Promise<{ server: S; recorder: XdsRecorder }> {
  await server.start();
  t.teardown(() => server.stop());
  const recorder = new XdsRecorder();
  const protocol = server instanceof DeltaServer ? 'delta' : 'sotw';
  const options = { address: server.address, plaintext: true, protocol, rootCert: '', token: '', env: { POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' }, validators: modelValidators } as const;
  const source = createXdsSource(options, recorder, { clock: systemClock, random: () => 0, lookup: async () => ({ addresses: ['192.0.2.99'], ttlMs: undefined }) });
  t.teardown(() => source.stop());
  source.start();
  await server.subscription('clusters');
  return { server, recorder };
}

const begin = (t: Test) => connected(t, new AdsServer());

/** Sends a capture and waits for its acknowledgement. */
async function replay(t: Test, server: AdsServer, file: string): Promise<void> {
  const bytes = readFileSync(path.join(captures, file));
  const message = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const { nonce } = DiscoveryResponse.decode(message);
  server.send(message);
  const { request } = await server.take((received) => received.request.responseNonce === nonce);
  t.equal(request.errorDetail, undefined, `${file} is accepted`);
}

const healths = (assignment: ClusterLoadAssignment | undefined): HealthStatus[] =>
  assignment?.endpoints.flatMap(({ lbEndpoints }) => lbEndpoints.map(({ healthStatus }) => healthStatus)) ?? [];

/** The same for incremental discovery. */
async function replayDelta(t: Test, server: DeltaServer, file: string): Promise<void> {
  const message = readFileSync(path.join(captures, 'delta', file));
  const { nonce } = DeltaDiscoveryResponse.decode(message);
  server.send(message);
  const { request } = await server.take((received) => received.request.responseNonce === nonce);
  t.equal(request.errorDetail, undefined, `${file} is accepted`);
}

interface Step {
  readonly step: string | number;
  readonly what: string;
  readonly sotw: readonly string[];
  readonly delta: readonly string[];
}

/**
 * Clusters, load assignments, listeners and route tables in force after each step. Counted by a reader of the
 * bare wire format (names and discovery types of each message; clusters and listeners replace, assignments
 * are those of EDS clusters, tables those that a listener's bytes name).
 */
const expected: readonly (readonly [clusters: number, endpoints: number, listeners: number, routes: number])[] = [
  [29, 24, 19, 7],
  [32, 27, 19, 7],
  [41, 31, 22, 7],
  [41, 31, 22, 7],
  [41, 31, 22, 7],
  [41, 31, 22, 7],
  [42, 32, 23, 8],
  [42, 32, 23, 8],
  [42, 32, 23, 8],
  // 034-rds still brings the table "5000", which no listener names any more.
  [41, 31, 22, 7],
  [32, 27, 19, 7],
];

const REVIEWS = 'outbound|9080||reviews.default.svc.cluster.local';
const REVIEWS_V3 = 'outbound|9080|v3|reviews.default.svc.cluster.local';
const { HEALTHY, UNHEALTHY, UNKNOWN } = HealthStatus;
const healthy = (status: HealthStatus): boolean => status === HEALTHY || status === UNKNOWN;

/** What the steps were about, as steps.json tells it. */
const about: Readonly<Record<number, (t: Test, now: Resources, before: Resources) => void>> = {
  3: (t, now, before) => {
    t.equal(now.endpoints, before.endpoints, 'weights are no matter of endpoints');
    t.not(now.routes.get('9080'), before.routes.get('9080'));
  },
  4: (t, now, before) => {
    t.equal(healths(now.endpoints.get(REVIEWS)).length, healths(before.endpoints.get(REVIEWS)).length + 2);
    t.equal(now.clusters, before.clusters);
    const changed = [...now.endpoints].filter(([name, assignment]) => before.endpoints.get(name) !== assignment);
    t.ok(changed.length <= 5 && changed.every(([name]) => name.includes('reviews')), 'only what was sent was replaced');
  },
  5: (t, now, before) => {
    t.equal(healths(now.endpoints.get(REVIEWS)).filter((status) => status === UNHEALTHY).length, 1);
    t.ok(healths(before.endpoints.get(REVIEWS)).every(healthy));
  },
  6: (t, now, before) => {
    t.notOk(before.clusters.has('outbound|5000||helloworld2.default.svc.cluster.local'));
    t.ok(now.endpoints.has('outbound|5000||helloworld2.default.svc.cluster.local'));
  },
  7: (t, now, before) => {
    t.equal(healths(before.endpoints.get(REVIEWS_V3)).length, 1);
    t.strictSame(healths(now.endpoints.get(REVIEWS_V3)), [], 'an emptied assignment is there and empty');
  },
  9: (t, now, before) => {
    t.ok(before.endpoints.has('outbound|5000||helloworld.default.svc.cluster.local'));
    t.notOk(now.clusters.has('outbound|5000||helloworld.default.svc.cluster.local'));
    t.notOk(now.endpoints.has('outbound|5000||helloworld.default.svc.cluster.local'));
  },
};

const names = (resources: Resources): string[][] => [resources.clusters, resources.endpoints, resources.listeners, resources.routes].map((map) => [...map.keys()].sort());

t.test('eleven steps', { skip }, async (t) => {
  const steps = JSON.parse(readFileSync(path.join(captures, 'steps.json'), 'utf8')) as Step[];
  t.equal(steps.length, expected.length);
  const { server, recorder } = await begin(t);
  let before: Resources | undefined;
  for (const [index, { what, sotw }] of steps.entries()) {
    await t.test(`${index}: ${what}`, async (t) => {
      for (const file of sotw) await replay(t, server, path.join('sotw', file));
      const { resources: now } = await recorder.settled();
      const { clusters, endpoints, listeners, routes } = now;
      t.strictSame([clusters.size, endpoints.size, listeners.size, routes.size], expected[index]);
      if (before !== undefined) about[index]?.(t, now, before);
      before = now;
    });
  }
  t.match(recorder.status, { connected: true, code: undefined, nacks: [] });
  t.strictSame(Object.values(recorder.status!.complete), [true, true, true, true]);
});

t.test('eleven steps over incremental discovery come to the same', { skip }, async (t) => {
  const steps = JSON.parse(readFileSync(path.join(captures, 'steps.json'), 'utf8')) as Step[];
  const { server, recorder } = await connected(t, new DeltaServer());
  const world = await begin(t);
  let before: Resources | undefined;
  for (const [index, { what, sotw, delta }] of steps.entries()) {
    await t.test(`${index}: ${what}`, async (t) => {
      for (const file of delta) await replayDelta(t, server, file);
      for (const file of sotw) await replay(t, world.server, path.join('sotw', file));
      const { resources: now } = await recorder.settled();
      const { clusters, endpoints, listeners, routes } = now;
      t.strictSame([clusters.size, endpoints.size, listeners.size, routes.size], expected[index]);
      t.strictSame(names(now), names((await world.recorder.settled()).resources));
      if (before !== undefined) about[index]?.(t, now, before);
      before = now;
    });
  }
  t.match(recorder.status, { connected: true, code: undefined, nacks: [] });
  t.strictSame(Object.values(recorder.status!.complete), [true, true, true, true]);
  const asked = server.received.filter(({ kind }) => kind === 'endpoints').flatMap(({ request }) => request.resourceNamesUnsubscribe);
  t.ok(asked.includes('outbound|5000||helloworld.default.svc.cluster.local'), 'names of clusters that went are given up');
});

t.test('a new cluster is not settled before its endpoints came', { skip }, async (t) => {
  const { server, recorder } = await begin(t);
  for (const file of ['001-cds.pb', '002-eds.pb', '003-lds.pb', '004-rds.pb']) await replay(t, server, `sotw/${file}`);
  t.ok(recorder.seen?.info.settled);
  for (const file of ['005-cds.pb', '006-eds.pb', '007-lds.pb', '008-rds.pb']) {
    await replay(t, server, `sotw/${file}`);
    t.notOk(recorder.seen?.info.settled, `after ${file}`);
  }
  await replay(t, server, 'sotw/009-eds.pb');
  t.ok(recorder.seen?.info.settled);
});

for (const [folder, suffix, counts] of [
  ['dual', '', undefined],
  ['rich', '', undefined],
  // istiod/README.md
  ['thousand', '.gz', [1541, 1531, 523]],
] as const) {
  t.test(`${folder}: everything is accepted and settles`, { skip }, async (t) => {
    const { server, recorder } = await begin(t);
    for (const file of ['001-cds.pb', '002-eds.pb', '003-lds.pb', '004-rds.pb']) await replay(t, server, `${folder}/${file}${suffix}`);
    const { resources, info } = await recorder.settled();
    t.strictSame(Object.values(info.complete), [true, true, true, true]);
    if (counts !== undefined) t.strictSame([resources.clusters.size, resources.endpoints.size, resources.listeners.size], counts);
  });
}
