// SPDX-License-Identifier: Apache-2.0
// A model that follows changes is the one that is made of the same resources at once.
import t from 'tap';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { Resources } from '../../../daemon/model/resources.js';
import { ShardedMap } from '../../../daemon/model/shardedMap.js';
import type { MeshModel } from '../../../daemon/model/types.js';
import { Cluster, Cluster_DiscoveryType, Cluster_LbPolicy } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { OutlierDetection } from '../../../daemon/proto/envoy/config/cluster/v3/outlier_detection.js';
import type { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { random } from '../diff/models.js';
import { assignment, at, cluster, eds, lbEndpoint, listener, resources, tcp, tcpTo } from './protos.js';

const RUNS = 20;
const STEPS = 60;
const CLUSTERS = Array.from({ length: 6 }, (_, i) => `c${i}`);

type Below = (limit: number) => number;

/** A cluster that asks by its own name or by another one, that looks names up, that takes hashes, or that ejects. */
function randomCluster(name: string, below: Below): Cluster {
  const kind = below(5);
  if (kind === 0) return cluster(name, Cluster_DiscoveryType.STRICT_DNS, { loadAssignment: assignment(name, { lbEndpoints: [lbEndpoint(`h${below(3)}.test`, 80), lbEndpoint('10.9.0.1', 80)] }) });
  if (kind === 1) return eds(name, { edsClusterConfig: { serviceName: CLUSTERS[below(CLUSTERS.length)]! } });
  if (kind === 2) return eds(name, { lbPolicy: Cluster_LbPolicy.MAGLEV });
  if (kind === 3) return eds(name, { outlierDetection: OutlierDetection.fromPartial({ consecutive5xx: 5 }) });
  return eds(name);
}

const randomAssignment = (name: string, below: Below): ClusterLoadAssignment =>
  assignment(name, { lbEndpoints: Array.from({ length: below(4) }, () => lbEndpoint(`10.1.0.${below(9) + 1}`, 80)) });

function changed<V>(map: ShardedMap<V>, below: Below, make: (name: string) => V): ShardedMap<V> {
  const some = (): string[] => Array.from({ length: below(3) }, () => CLUSTERS[below(CLUSTERS.length)]!);
  return map.with(some().map((name) => [name, make(name)] as const), below(3) === 0 ? some() : []);
}

/** As people see it: the order of resources is nobody's business. */
const shown = ({ clusters, frontends, notEnforced }: MeshModel) => ({
  clusters: [...clusters].sort(([a], [b]) => (a < b ? -1 : 1)),
  frontends: [...frontends],
  notEnforced: notEnforced.map((item) => JSON.stringify(item)).sort(),
});

t.test(`${RUNS} runs of ${STEPS} changes`, async (t) => {
  for (let seed = 0; seed < RUNS; seed += 1) {
    const below = random(seed);
    const hashing = tcp({ clusterSpecifier: { $case: 'cluster', value: 'c1' }, hashPolicy: [{ policySpecifier: { $case: 'sourceIp', value: {} } }] });
    const listeners = [tcpTo('c0'), hashing].map((filter, i) => resources({ listeners: [listener({ name: 'l', address: at('10.0.0.1', 80 + i), filterChains: [{ filters: [filter] }] })] }).listeners);
    let now: Resources & { clusters: ShardedMap<Cluster>; endpoints: ShardedMap<ClusterLoadAssignment> } = { ...resources({}), listeners: listeners[0]!, clusters: ShardedMap.empty(), endpoints: ShardedMap.empty() };
    const follow = createModelBuilder();
    let last = follow(now);
    for (let step = 0; step < STEPS; step += 1) {
      const before = now;
      const what = below(6);
      if (what <= 1) now = { ...now, clusters: changed(now.clusters, below, (name) => randomCluster(name, below)) };
      else if (what <= 3) now = { ...now, endpoints: changed(now.endpoints, below, (name) => randomAssignment(name, below)) };
      else if (what === 4) now = { ...now, resolved: new Map([0, 1, 2].flatMap((i) => (below(2) ? [[`h${i}.test`, [`10.2.0.${below(3) + 1}`]] as const] : []))) };
      else if (below(2)) now = { ...now, ejected: new Map(CLUSTERS.slice(below(6)).map((name) => [name, new Set(['10.1.0.1 80', '10.1.0.2 80'])] as const)) };
      else now = { ...now, listeners: listeners[below(2)]! };
      const model = follow(now);
      t.same(shown(model), shown(createModelBuilder()(now)), `seed ${seed}, step ${step}`);
      if (Object.values(now).every((part, i) => part === Object.values(before)[i])) t.equal(model.clusters, last.clusters, 'nothing to do');
      last = model;
    }
  }
});
