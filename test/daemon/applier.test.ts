// SPDX-License-Identifier: Apache-2.0
// The loop from resources to maps, with maps that are plain objects.
import pino from 'pino';
import t from 'tap';
import { Applier, type MapWriter } from '../../daemon/applier.js';
import { singly, type MapContents, type Operation, type PlannedOperation } from '../../daemon/diff/operations.js';
import type { Resources } from '../../daemon/model/resources.js';
import { OutlierDetection } from '../../daemon/proto/envoy/config/cluster/v3/outlier_detection.js';
import type { Complete } from '../../daemon/xds/source.js';
import { FakeClock } from '../helpers/fakeClock.js';
import { assignment, edsCluster, tcpListener } from '../mesh/resources.js';
import { Kernel } from './diff/interpreter.js';
import { at, http, listener, prefixRoute, routeTable, virtualHost } from './model/protos.js';

const silent = pino({ level: 'silent' });
const all: Complete = { listeners: true, routes: true, clusters: true, endpoints: true };
const EMPTY: MapContents = {
  frontends: [],
  splits: [],
  clusters: [],
  slots: [],
  routes: [],
  domains: [],
  vhosts: [],
  steps: [],
  automata: [],
  names: [],
  states: { listeners: [], clusters: [], endpoints: [] },
};

const byName = <T>(name: (item: T) => string, ...items: T[]): Map<string, T> => new Map(items.map((item) => [name(item), item]));

/** One service with one endpoint. */
function service(endpoint: string, port = 80): Resources {
  return {
    clusters: byName((c) => c.name, edsCluster('a')),
    endpoints: byName((e) => e.clusterName, assignment('a', endpoint)),
    listeners: byName((l) => l.name, tcpListener(`10.96.0.1:${port}`, 'a')),
    routes: new Map(),
    resolved: new Map(),
  };
}

class Recorder implements MapWriter {
  readonly writes: (readonly PlannedOperation[])[] = [];
  /** What goes after a grace period. */
  readonly removals: (readonly PlannedOperation[])[] = [];
  fail: Error | undefined;
  failsToRemove = false;
  /** Resolved by the test: a write takes as long as the test says. */
  gate: Promise<void> = Promise.resolve();
  reads = 0;
  mostAutomata = 100;

  read(): MapContents {
    this.reads += 1;
    return EMPTY;
  }

  async apply(planned: Iterable<PlannedOperation>): Promise<void> {
    const operations = [...planned];
    const removes = operations[0]?.op === 'barrier';
    await this.gate;
    if (this.fail && removes === this.failsToRemove) throw this.fail;
    (removes ? this.removals : this.writes).push(operations);
  }
}

t.test('what comes while a write is under way is taken together', async (t) => {
  const maps = new Recorder();
  let open = (): void => undefined;
  maps.gate = new Promise((resolve) => (open = resolve));
  const applier = new Applier(maps, undefined, silent, () => undefined);
  for (const last of [1, 2, 3, 4]) applier.submit(service(`10.0.0.${last}:80`), all);
  open();
  await applier.idle();
  t.equal(maps.writes.length, 2, 'the first, then the newest');
  const slots = maps.writes[1]!.filter((operation) => operation.op === 'put' && operation.map === 'km_slot');
  t.match(slots, [{ value: { primary: { address: '10.0.0.4' } } }]);
});

t.test('a flood of changes costs few writes, and the last one is in force', async (t) => {
  const maps = new Recorder();
  const applier = new Applier(maps, undefined, silent, () => undefined);
  const CHANGES = 200;
  for (let last = 1; last <= CHANGES; last += 1) {
    applier.submit(service(`10.0.0.${last}:80`), all);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await applier.idle();
  t.ok(maps.writes.length < CHANGES / 2, `${maps.writes.length} writes for ${CHANGES} changes`);
  t.match(maps.writes.at(-1)!.filter((operation) => operation.op === 'put' && operation.map === 'km_slot'), [{ value: { primary: { address: `10.0.0.${CHANGES}` } } }]);
});

t.test('regular expressions that one push had no time for are compiled without another push', async (t) => {
  const maps = new Recorder();
  let left: (number | undefined)[] = [];
  const applier = new Applier(maps, undefined, silent, ({ model }) => void left.push(model?.expressionsLeft));
  // Each costs as much as one may, and is refused then: only the last one is of use.
  const regexes = [...Array.from({ length: 300 }, (_, i) => `/${i}(?:[ab]?[bc]?[cd]?){60}`), '/behind/[^/]+'];
  const routes = routeTable('r', [virtualHost(['*'], regexes.map((regex) => prefixRoute('/', 'a', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex } } } })))]);
  const asking = listener({ name: 'l', address: at('10.96.0.1', 80), filterChains: [{ filters: [http({ routeSpecifier: { $case: 'rds', value: { routeConfigName: 'r' } } })] }] });
  applier.submit({ ...service('10.0.0.1:80'), listeners: byName((l) => l.name, asking), routes: byName((r) => r.name, routes) }, all);
  await applier.idle();
  t.ok(left.length >= 2 && left[0]! > 0, left.join(', '));
  t.equal(left.at(-1), 0);
  t.ok(maps.writes.flat().some((one) => one.op === 'put' && one.map === 'km_automaton'), 'the one behind all others is in force');
  left = [];
  applier.submit(service('10.0.0.1:80'), all);
  await applier.idle();
  t.same(left, [0], 'one push, one turn');
});

t.test('endpoints that are ejected are left out at once, and of configurations that come later', async (t) => {
  const ejecting = (...endpoints: string[]): Resources => ({
    ...service('10.0.0.1:80'),
    clusters: byName((c) => c.name, { ...edsCluster('a'), outlierDetection: OutlierDetection.fromPartial({ maxEjectionPercent: 50 }) }),
    endpoints: byName((e) => e.clusterName, assignment('a', ...endpoints)),
  });
  const applier = new Applier(new Recorder(), undefined, silent, () => undefined);
  const inForce = (): string[] => {
    const cluster = applier.applied.model!.clusters.get('a')!;
    return cluster.kind === 'endpoints' ? cluster.ipv4.map(({ address }) => address) : [];
  };
  applier.eject(new Map([['a', new Set(['10.0.0.1 80'])]]));
  applier.submit(ejecting('10.0.0.1:80', '10.0.0.2:80'), all);
  await applier.idle();
  t.same(inForce(), ['10.0.0.2']);
  applier.submit(ejecting('10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'), all);
  await applier.idle();
  t.same(inForce(), ['10.0.0.2', '10.0.0.3']);
  applier.eject(new Map());
  await applier.idle();
  t.same(inForce(), ['10.0.0.1', '10.0.0.2', '10.0.0.3'], 'taken back without another configuration');
});

t.test('a change is in force before what it leaves goes', async (t) => {
  const maps = new Recorder();
  const removedWhenApplied: number[] = [];
  const applier = new Applier(maps, undefined, silent, () => void removedWhenApplied.push(maps.removals.length));
  for (const endpoint of ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80']) {
    applier.submit(service(endpoint), all);
    await applier.idle();
  }
  t.same(removedWhenApplied, [0, 0, 1]);
  t.same(maps.removals.map((operations) => operations.map((one) => [one.op, 'key' in one && one.key])), [[['barrier', false], ['delete', 1]], [['barrier', false], ['delete', 2]]], 'counters of the endpoint that went');
});

t.test('a removal that fails is told, and what the maps hold then is read', async (t) => {
  const maps = new Recorder();
  const applier = new Applier(maps, undefined, silent, () => undefined);
  applier.submit(service('10.0.0.1:80'), all);
  await applier.idle();
  maps.failsToRemove = true;
  maps.fail = new Error('no');
  applier.submit(service('10.0.0.2:80'), all);
  await applier.idle();
  t.equal(applier.applied.error, maps.fail);
  t.equal(maps.reads, 1);
  maps.fail = undefined;
  applier.submit(service('10.0.0.3:80'), all);
  await applier.idle();
  t.equal(applier.applied.error, undefined);
});

t.test('a write that fails keeps what was in force, and the next one starts from what the maps hold', async (t) => {
  const maps = new Recorder();
  const applier = new Applier(maps, undefined, silent, () => undefined);
  applier.submit(service('10.0.0.1:80'), all);
  await applier.idle();
  const before = applier.applied.model;
  maps.fail = new Error('km_slot is full');
  applier.submit(service('10.0.0.2:80'), all);
  await applier.idle();
  t.equal(applier.applied.model, before, 'the model in force is the old one');
  t.equal(applier.applied.error?.message, 'km_slot is full');
  t.equal(maps.reads, 1, 'the maps are read again');
  maps.fail = undefined;
  applier.submit(service('10.0.0.3:80'), all);
  await applier.idle();
  t.equal(applier.applied.error, undefined);
  t.ok(maps.writes.at(-1)!.some((operation) => operation.op === 'put' && operation.map === 'km_listener'), 'all is written anew: the maps were read as empty');
});

t.test('a write that fails is tried again by itself, later each time, and told once', async (t) => {
  const maps = new Recorder();
  const clock = new FakeClock();
  const told: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void told.push((JSON.parse(line) as { err: { message: string } }).err.message) });
  const applier = new Applier(maps, undefined, log, () => undefined, clock);
  applier.submit(service('10.0.0.1:80'), all);
  await applier.idle();
  t.same(clock.waits, [], 'nothing to try again');
  maps.fail = new Error('km_slot: ENOMEM');
  applier.submit(service('10.0.0.2:80'), all);
  await applier.idle();
  const waited: number[] = [];
  for (let attempt = 1; attempt <= 9; attempt += 1) {
    t.equal(maps.reads, attempt, 'tried so often');
    t.equal(clock.waits.length, 1);
    waited.push(clock.waits[0]!);
    clock.advance(clock.waits[0]!);
    await applier.idle();
  }
  for (const [i, ms] of waited.entries()) {
    const longest = Math.min(60_000, 1000 * 2 ** i);
    t.ok(ms >= longest / 2 && ms <= longest, `${ms} ms of at most ${longest}`);
  }
  t.same(told, ['km_slot: ENOMEM']);
  maps.fail = undefined;
  clock.advance(60_000);
  await applier.idle();
  t.match(applier.applied, { error: undefined, model: { clusters: new Map([['a', { ipv4: [{ address: '10.0.0.2' }] }]]) } });
  t.same(clock.waits, [], 'and not again');
  maps.fail = new Error('km_slot: ENOMEM');
  applier.submit(service('10.0.0.3:80'), all);
  await applier.idle();
  t.equal(told.length, 2, 'another failure is told');
  t.ok(clock.waits[0]! <= 1000, 'and begins anew');
  await applier.stop();
});

t.test('a newer configuration takes the place of what is tried again, and who stops does not try again', async (t) => {
  const maps = new Recorder();
  const clock = new FakeClock();
  const applier = new Applier(maps, undefined, silent, () => undefined, clock);
  maps.fail = new Error('km_slot: ENOMEM');
  applier.submit(service('10.0.0.1:80'), all);
  await applier.idle();
  t.equal(clock.waits.length, 1);
  maps.fail = undefined;
  applier.submit(service('10.0.0.2:80'), all);
  t.same(clock.waits, [], 'not while it is written');
  await applier.idle();
  t.same(clock.waits, []);
  maps.fail = new Error('km_slot: ENOMEM');
  applier.submit(service('10.0.0.3:80'), all);
  await applier.idle();
  t.equal(clock.waits.length, 1);
  await applier.stop();
  t.same(clock.waits, []);
  applier.submit(service('10.0.0.4:80'), all);
  await applier.stop();
  t.same(clock.waits, [], 'nor what fails while it stops');
});

t.test('adopted maps are stale until every type has been answered', async (t) => {
  const maps = new Recorder();
  const applier = new Applier(maps, { contents: EMPTY, whole: true }, silent, () => undefined);
  t.ok(applier.applied.stale);
  applier.submit(service('10.0.0.1:80'), { ...all, routes: false });
  await applier.idle();
  t.ok(applier.applied.stale);
  applier.submit(service('10.0.0.1:80'), all);
  await applier.idle();
  t.notOk(applier.applied.stale);
});

t.test('a cluster whose endpoints did not come keeps its adopted ones', async (t) => {
  const first = new Recorder();
  const one = new Applier(first, undefined, silent, () => undefined);
  one.submit(service('10.0.0.1:80'), all);
  await one.idle();
  const adopted = contentsOf(first.writes[0]!);
  const maps = new Recorder();
  const applier = new Applier(maps, { contents: adopted, whole: true }, silent, () => undefined);
  applier.submit({ ...service('10.0.0.1:80'), endpoints: new Map() }, { ...all, endpoints: false });
  await applier.idle();
  t.same(maps.writes[0], [], 'nothing is taken away');
  applier.submit({ ...service('10.0.0.1:80'), endpoints: new Map() }, all);
  await applier.idle();
  t.ok(maps.removals.flat().some((operation) => operation.op === 'delete' && operation.map === 'km_slot'), 'until the control plane says that there are none');
});

/** Services at 10.96.0.n, each with one endpoint, or none where nothing was said of it. */
function services(endpoints: Readonly<Record<number, string | undefined>>): Resources {
  const list = Object.entries(endpoints);
  return {
    clusters: new Map(list.map(([n]) => [`c${n}`, edsCluster(`c${n}`)])),
    endpoints: new Map(list.flatMap(([n, endpoint]) => (endpoint === undefined ? [] : [[`c${n}`, assignment(`c${n}`, endpoint)] as const]))),
    listeners: new Map(list.map(([n]) => [`l${n}`, tcpListener(`10.96.0.${n}:80`, `c${n}`)])),
    routes: new Map(),
    resolved: new Map(),
  };
}

/** Maps that hold what is written. */
class KernelMaps implements MapWriter {
  readonly kernel = new Kernel();
  readonly mostAutomata = 100;
  /** An operation that fails. */
  fails: Operation['op'] | undefined;

  read(): MapContents {
    return this.kernel.contents();
  }

  async apply(planned: Iterable<PlannedOperation>): Promise<void> {
    for (const operation of singly(planned)) {
      if (operation.op === this.fails) throw new Error(`${operation.op}: ENOMEM`);
      this.kernel.apply(operation);
    }
  }

  goes(n: number): string[] {
    return [...this.kernel.resolve({ family: 4, address: `10.96.0.${n}`, prefixLength: 32, port: 80 }).keys()];
  }
}

t.test('a removal that fails is tried again by itself', async (t) => {
  const maps = new KernelMaps();
  const clock = new FakeClock();
  const applier = new Applier(maps, undefined, silent, () => undefined, clock);
  for (const endpoints of [{ 1: '10.0.0.1:80', 2: '10.0.0.2:80' }, { 1: '10.0.0.1:80' }]) {
    maps.fails = '2' in endpoints ? undefined : 'barrier';
    applier.submit(services(endpoints), all);
    await applier.idle();
  }
  t.equal(maps.kernel.maps.km_cluster.size, 2, 'it could not go');
  maps.fails = undefined;
  clock.advance(1000);
  await applier.idle();
  t.equal(maps.kernel.maps.km_cluster.size, 1);
  t.match([applier.applied.error, clock.waits], [undefined, []]);
});

for (const begins of ['new', 'adopted'] as const) {
  t.test(`${begins} maps: a service that goes is gone, though another one's endpoints and routes never come`, async (t) => {
    const maps = new KernelMaps();
    const never: Complete = { ...all, endpoints: false, routes: false };
    if (begins === 'adopted') {
      const earlier = new Applier(maps, undefined, silent, () => undefined);
      earlier.submit(services({ 1: '10.0.0.1:80', 2: '10.0.0.2:80', 3: '10.0.0.3:80', 4: '10.0.0.4:80' }), all);
      await earlier.idle();
    }
    const applier = new Applier(maps, begins === 'new' ? undefined : { contents: maps.read(), whole: true }, silent, () => undefined);
    const submit = async (endpoints: Readonly<Record<number, string | undefined>>): Promise<void> => {
      applier.submit(services(endpoints), never);
      await applier.idle();
    };
    await submit({ 1: '10.0.0.1:80', 2: '10.0.0.2:80', 3: undefined });
    await submit({ 1: '10.0.0.1:80', 3: undefined });
    t.strictSame(maps.goes(1), ['10.0.0.1:80']);
    t.strictSame(maps.goes(2), ['no listener']);
    t.equal(maps.kernel.maps.km_cluster.size, begins === 'new' ? 2 : 3, 'nothing of it is left');
    if (begins === 'adopted') t.strictSame([maps.goes(3), maps.goes(4)], [['10.0.0.3:80'], ['10.0.0.4:80']], 'what the control plane has not spoken of stays as it was adopted');
    await submit({ 1: undefined, 3: undefined });
    t.strictSame(maps.goes(1), ['refuse 20'], 'endpoints that are taken away go, too');
  });
}

t.test('a warning comes once for each resource, and again when it changes', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const applier = new Applier(new Recorder(), undefined, log, () => undefined);
  const inbound = { ...service('10.0.0.1:80'), listeners: byName((l) => l.name, { ...tcpListener('10.96.0.1:80', 'a'), trafficDirection: 1 }) };
  for (let i = 0; i < 3; i += 1) {
    applier.submit({ ...inbound }, all);
    await applier.idle();
  }
  t.same(lines, ['the configuration names no service address: nothing is steered', 'listener 10.96.0.1:80: not enforced: inbound_listener (see /config_dump)']);
});

/** What maps hold after the puts of a first batch. */
function contentsOf(operations: readonly PlannedOperation[]): MapContents {
  const puts = <M extends Operation['op'] extends never ? never : string>(map: M) => operations.filter((o): o is Extract<Operation, { op: 'put' }> => o.op === 'put' && o.map === map) as never[];
  const pair = (o: { key: never; value: never }) => ({ key: o.key, value: o.value });
  const ids = (map: string): number[] => puts(map).map((o: { key: number }) => o.key);
  return {
    ...EMPTY,
    frontends: puts('km_listener').map(pair),
    clusters: puts('km_cluster').map((o: { key: number; value: never }) => ({ id: o.key, value: o.value })),
    slots: puts('km_slot').map(pair),
    names: puts('km_name').map((o: { key: never; value: string }) => ({ key: o.key, name: o.value })),
    states: { listeners: ids('km_listener_state'), clusters: ids('km_cluster_state'), endpoints: ids('km_endpoint_state') },
  };
}
