// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { expositionText } from '../../../common/prometheus.js';
import type { PodsPage } from '../../../daemon/pods/management.js';
import { metricsText } from '../../../daemon/admin/metrics.js';
import { serviceMetrics } from '../../../daemon/admin/services.js';
import type { Applied } from '../../../daemon/applied.js';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { MapName } from '../../../daemon/diff/operations.js';
import type { Readiness } from '../../../daemon/readiness.js';
import { endpointCluster, endpoints, frontend, model } from '../diff/models.js';
import type { XdsStatus } from '../../../daemon/xds/source.js';

const mesh = model([frontend('10.0.0.1', { kind: 'cluster', cluster: 'a' }, 'vip'), frontend('10.0.0.2', { kind: 'cluster', cluster: 'b' }, 'idle')], ['a', 'b'].map((name) => endpointCluster(name, endpoints('10.1.0.', 1, 1))));
const { image } = plan(createImage(), mesh, { sweep: { frontends: true, clusters: true, shared: true } });
const NO_SERVICES = { listeners: new Map(), clusters: new Map(), outcomes: new Map(), traffic: new Map() };
const idOf = (name: string): number => (image.listeners.get(name) ?? image.clusters.get(name))!.id;

t.test('services that had connections, by name and outcome', async (t) => {
  const services = {
    listeners: new Map([[idOf('vip'), { steered: 5, passed: 0, refused: 1 }], [idOf('idle'), { steered: 0, passed: 0, refused: 0 }], [999, { steered: 9, passed: 0, refused: 0 }]]),
    clusters: new Map([[idOf('a'), { active: 2, steered: 5, refused: 1 }], [idOf('b'), { active: 0, steered: 0, refused: 0 }]]),
    outcomes: new Map([[idOf('vip'), { no_endpoints: 1 }], [999, { no_endpoints: 4 }]]),
    traffic: new Map([[idOf('a'), { sent: 70, received: 900 }]]),
  };
  const lines = expositionText(serviceMetrics(services, image)).split('\n');
  for (const line of ['kmesh_listener_connections_total{listener="vip",outcome="steered"} 5', 'kmesh_listener_connections_total{listener="vip",outcome="refused"} 1', 'kmesh_cluster_connections_total{cluster="a",outcome="steered"} 5', 'kmesh_cluster_active_connections{cluster="a"} 2', 'kmesh_services_not_shown{kind="cluster"} 0', 'kmesh_listener_reasons_total{listener="vip",reason="no_endpoints"} 1', 'kmesh_cluster_bytes_total{cluster="a",direction="received"} 900']) t.ok(lines.includes(line), line);
  t.notOk(lines.some((line) => /idle|"b"|999/.test(line)), 'none of those without connections, or without a name');
});

t.test('a scrape is bounded', async (t) => {
  const many = Array.from({ length: 1200 }, (_, i) => [`c${i}`, { id: i + 1 }] as const);
  const clusters = new Map(many.map(([, { id }]) => [id, { active: 0, steered: id, refused: 0 }]));
  const text = expositionText(serviceMetrics({ listeners: new Map(), clusters, outcomes: new Map(), traffic: new Map() }, { listeners: new Map(), clusters: new Map(many) as never }));
  t.match(text, 'kmesh_services_not_shown{kind="cluster"} 200\n');
  t.match(text, 'kmesh_cluster_connections_total{cluster="c1199",outcome="steered"} 1200\n', 'the busiest are shown');
  t.notMatch(text, 'cluster="c0"');
});

t.test('fill of the maps, pushes and rejects', async (t) => {
  const applied: Applied = { model: mesh, resources: undefined, appliedAt: new Date(1000), stale: false, error: undefined, operations: 0, durationMs: 0 };
  const none = { pushes: 0, rejects: 0 };
  const status = { connected: true, counts: { listeners: { pushes: 3, rejects: 1 }, routes: none, clusters: none, endpoints: none } } as unknown as XdsStatus;
  const readiness = { ready: true, stale: false, l7: { state: 'off', reason: '' } } as unknown as Readiness;
  const capacities = { km_slot: 1000 } as Record<MapName, number>;
  const totals = { reasons: { steered: 1 }, l7: { routed: 0 } } as never;
  const lines = metricsText({ totals, services: NO_SERVICES, image, capacities, module: undefined, applied, ejector: { ejections: new Map([['a', new Set(['10.1.0.1 80', '10.1.0.2 80'])]]), count: 7 }, status, readiness, pods: { manage: 'all', off: 'all' } }).split('\n');
  for (const line of ['kmesh_map_entries{map="km_slot"} 4', 'kmesh_map_max_entries{map="km_slot"} 1000', 'kmesh_map_entries{map="km_listener"} 2', 'kmesh_xds_pushes_total{type="listeners"} 3', 'kmesh_xds_rejects_total{type="listeners"} 1', 'kmesh_config_applied_timestamp_seconds 1', 'kmesh_ejected_endpoints 2', 'kmesh_ejections_total 7']) t.ok(lines.includes(line), line);
});

t.test('the pods of the node', async (t) => {
  const applied: Applied = { model: mesh, resources: undefined, appliedAt: undefined, stale: false, error: undefined, operations: 0, durationMs: 0 };
  const readiness = { ready: true, stale: false, l7: { state: 'off', reason: '' } } as unknown as Readiness;
  const pod = { namespace: 'shop', uid: 'u', why: '', annotated: false };
  const pods: PodsPage = {
    ...{ manage: 'labelled', node: 'n', synced: true, others: [] },
    troubles: [{ concerns: 'pods', code: 'KM_KUBE_REFUSED', reason: '403', remedy: '' }],
    pods: [
      { ...pod, name: 'in', enrolled: true, inMesh: true, rule: 'pod_label', connections: { steered: 3, passed: 2, refused: 1 } },
      { ...pod, name: 'late', enrolled: false, inMesh: true, rule: 'namespace_label' },
      { ...pod, name: 'out', enrolled: false, inMesh: false, rule: 'host_network' },
    ],
  };
  const given = { totals: { reasons: {}, l7: {} } as never, services: NO_SERVICES, image, capacities: {} as Record<MapName, number>, module: undefined, applied, ejector: { ejections: new Map(), count: 0 }, status: undefined, readiness };
  const lines = metricsText({ ...given, pods }).split('\n');
  for (const line of [
    'kmesh_pod_in_mesh{namespace="shop",pod="in",rule="pod_label"} 1',
    'kmesh_pod_in_mesh{namespace="shop",pod="late",rule="namespace_label"} 0',
    'kmesh_pod_in_mesh{namespace="shop",pod="out",rule="host_network"} 0',
    'kmesh_pod_connections_total{namespace="shop",pod="in",outcome="steered"} 3',
    'kmesh_pods_synced 1',
    'kmesh_pod_troubles 1',
  ]) t.ok(lines.includes(line), line);
  t.notMatch(metricsText({ ...given, pods: { manage: 'all', off: 'all' } }), 'kmesh_pod', 'none where labels decide nothing');
});
