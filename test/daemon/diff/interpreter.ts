// SPDX-License-Identifier: Apache-2.0
import type { Automaton } from '../../../daemon/model/routing/regex/automaton.js';
import type {
  ClusterRecord,
  DomainRecordKey,
  FrontendRecord,
  FrontendRecordKey,
  MapContents,
  MapName,
  NameKey,
  Operation,
  RoutesRecord,
  SlotKey,
  SlotRecord,
  SplitKey,
  SplitRecord,
  StepKey,
  StepRecord,
  TargetRecord,
  VhostRecord,
} from '../../../daemon/diff/operations.js';

const COIN_VALUES = 2 ** 32;
const ALWAYS = 0xffffffff;

/** What an address is asked for with; `mapped`: an IPv4 address in v4-mapped form by an IPv6 socket. */
export type SocketKind = 4 | 6 | 'mapped';

/** What a connect() comes to, with its probability: `10.0.0.1:80`, `pass 11`, `refuse 20`, `error slot`. */
export type Outcomes = ReadonlyMap<string, number>;

/**
 * The kernel's maps as plain maps: takes operations, and answers lookups as the eBPF programs do (frontend, split,
 * cluster, slots), not with one draw but with all of them.
 */
export class Kernel {
  readonly maps: Record<MapName, Map<string, { key: unknown; value: unknown }>> = {
    km_listener: new Map(),
    km_prefix: new Map(),
    km_split: new Map(),
    km_cluster: new Map(),
    km_slot: new Map(),
    km_routes: new Map(),
    km_domain: new Map(),
    km_wild: new Map(),
    km_vhost: new Map(),
    km_step: new Map(),
    km_automaton: new Map(),
    km_listener_state: new Map(),
    km_cluster_state: new Map(),
    km_endpoint_state: new Map(),
    km_name: new Map(),
  };

  /** Maps with these contents, as maps/ reads them back. */
  static of({ frontends, splits, clusters, slots, routes, domains, vhosts, steps, automata, names, states }: MapContents): Kernel {
    const kernel = new Kernel();
    const put = (map: MapName, key: unknown, value: unknown): void => void kernel.maps[map].set(JSON.stringify(key), { key, value });
    for (const { key, value } of frontends) put(key.prefixLength === (key.family === 4 ? 32 : 128) ? 'km_listener' : 'km_prefix', key, value);
    for (const { key, value } of splits) put('km_split', key, value);
    for (const { key, value } of slots) put('km_slot', key, value);
    for (const { key, value } of steps) put('km_step', key, value);
    for (const { key, vhost } of domains) put(key.kind === 'exact' ? 'km_domain' : 'km_wild', key, vhost);
    for (const { key, name } of names) put('km_name', key, name);
    const byId = { km_cluster: clusters, km_routes: routes, km_vhost: vhosts, km_automaton: automata };
    for (const [map, items] of Object.entries(byId)) for (const { id, value } of items) put(map as MapName, id, value);
    for (const [map, ids] of [['km_listener_state', states.listeners], ['km_cluster_state', states.clusters], ['km_endpoint_state', states.endpoints]] as const) for (const id of ids) put(map, id, null);
    return kernel;
  }

  apply(operation: Operation): void {
    if (operation.op === 'barrier') return;
    const key = JSON.stringify(operation.key);
    if (operation.op === 'put') this.maps[operation.map].set(key, { key: operation.key, value: operation.value });
    else this.maps[operation.map].delete(key);
  }

  /** Number of entries that lookups use: all but counters. */
  get size(): number {
    return Object.entries(this.maps).reduce((sum, [name, map]) => (name.endsWith('_state') ? sum : sum + map.size), 0);
  }

  /** Number of counter entries. */
  get states(): number {
    return this.maps.km_listener_state.size + this.maps.km_cluster_state.size + this.maps.km_endpoint_state.size;
  }

  /** What maps/ reads back after a restart. */
  contents(): MapContents {
    const list = <K, V>(map: MapName) => [...this.maps[map].values()] as { key: K; value: V }[];
    const ids = (map: MapName) => list<number, null>(map).map(({ key }) => key);
    return {
      frontends: [...list<FrontendRecordKey, FrontendRecord>('km_listener'), ...list<FrontendRecordKey, FrontendRecord>('km_prefix')],
      splits: list<SplitKey, SplitRecord>('km_split'),
      clusters: list<number, ClusterRecord>('km_cluster').map(({ key, value }) => ({ id: key, value })),
      slots: list<SlotKey, SlotRecord>('km_slot'),
      routes: list<number, RoutesRecord>('km_routes').map(({ key, value }) => ({ id: key, value })),
      domains: [...list<DomainRecordKey, number>('km_domain'), ...list<DomainRecordKey, number>('km_wild')].map(({ key, value }) => ({ key, vhost: value })),
      vhosts: list<number, VhostRecord>('km_vhost').map(({ key, value }) => ({ id: key, value })),
      steps: list<StepKey, StepRecord>('km_step').map(({ key, value }) => ({ key, op: value.op, value })),
      automata: list<number, Automaton>('km_automaton').map(({ key, value }) => ({ id: key, value })),
      names: list<NameKey, string>('km_name').map(({ key, value }) => ({ key, name: value })),
      states: { listeners: ids('km_listener_state'), clusters: ids('km_cluster_state'), endpoints: ids('km_endpoint_state') },
    };
  }

  /** Where sockets of `socket` family that connect to the frontend's address end. */
  resolve(where: FrontendRecordKey, socket: SocketKind = where.family): Outcomes {
    const frontend = this.frontend(where);
    if (!frontend) return new Map([['no listener', 1]]);
    if (!this.maps.km_listener_state.has(JSON.stringify(frontend.listenerId))) return new Map([['error listener state', 1]]);
    return this.follow(frontend, socket);
  }

  frontend({ family, address, prefixLength, port }: FrontendRecordKey): FrontendRecord | undefined {
    const full = prefixLength === (family === 4 ? 32 : 128);
    return this.get<FrontendRecord>(full ? 'km_listener' : 'km_prefix', { family, address, prefixLength, port });
  }

  /** Where a target leads: of a frontend, or of a route. */
  follow({ kind, target, n, reason }: TargetRecord, socket: SocketKind): Outcomes {
    const outcomes = new Map<string, number>();
    if (kind === 'pass' || kind === 'refuse') return new Map([[`${kind} ${reason}`, 1]]);
    if (kind === 'cluster') this.#cluster(outcomes, target, socket, 1);
    else this.#split(outcomes, target, n, socket);
    return outcomes;
  }

  get<V>(map: MapName, key: unknown): V | undefined {
    return this.maps[map].get(JSON.stringify(key))?.value as V | undefined;
  }

  #split(outcomes: Map<string, number>, target: number, n: number, socket: SocketKind): void {
    for (let index = 0; index < n; index += 1) {
      const slot = this.get<SplitRecord>('km_split', { splitId: target, index });
      if (!slot) {
        add(outcomes, 'error split', 1 / n);
        continue;
      }
      const primary = chance(slot.threshold);
      if (primary > 0) this.#cluster(outcomes, slot.clusterId, socket, primary / n);
      if (primary < 1) this.#cluster(outcomes, slot.aliasClusterId, socket, (1 - primary) / n);
    }
  }

  #cluster(outcomes: Map<string, number>, id: number, socket: SocketKind, p: number): void {
    if (id === 0) return add(outcomes, 'refuse 22', p);
    const cluster = this.get<ClusterRecord>('km_cluster', id);
    if (!cluster || !this.maps.km_cluster_state.has(JSON.stringify(id))) return add(outcomes, 'error cluster', p);
    if (cluster.kind !== 'endpoints') return add(outcomes, `${cluster.kind} ${cluster.reason}`, p);
    if (cluster.slots4 + cluster.slots6 === 0) return add(outcomes, `refuse ${cluster.reason}`, p);
    const family = (socket === 6 && cluster.slots6 > 0) || (socket === 'mapped' && cluster.slots4 === 0) ? 6 : 4;
    const n = family === 6 ? cluster.slots6 : cluster.slots4;
    if (n === 0) return add(outcomes, 'refuse 26', p);
    for (let index = 0; index < n; index += 1) {
      const slot = this.get<SlotRecord>('km_slot', { clusterId: id, family, index });
      if (!slot) {
        add(outcomes, 'error slot', p / n);
        continue;
      }
      const primary = chance(slot.threshold);
      if (primary > 0) this.#endpoint(outcomes, slot.primary, (p * primary) / n);
      if (primary < 1) this.#endpoint(outcomes, slot.alias, (p * (1 - primary)) / n);
    }
  }

  #endpoint(outcomes: Map<string, number>, endpoint: SlotRecord['primary'], p: number): void {
    const counted = this.maps.km_endpoint_state.has(JSON.stringify(endpoint.endpointId));
    add(outcomes, counted ? `${endpoint.address}:${endpoint.port}` : 'error endpoint state', p);
  }
}

const chance = (threshold: number): number => (threshold === ALWAYS ? 1 : threshold / COIN_VALUES);

function add(outcomes: Map<string, number>, outcome: string, p: number): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + p);
}
