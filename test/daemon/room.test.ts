// SPDX-License-Identifier: Apache-2.0
// A map that is full: what is in force goes on serving and changing.
import { setTimeout as pause } from 'node:timers/promises';
import pino from 'pino';
import t from 'tap';
import { Applier, type MapWriter } from '../../daemon/applier.js';
import { singly, type MapContents, type MapName, type PlannedOperation } from '../../daemon/diff/operations.js';
import { DataplaneError } from '../../daemon/maps/errors.js';
import type { Resources } from '../../daemon/model/resources.js';
import type { Complete } from '../../daemon/xds/source.js';
import { assignment, edsCluster, tcpListener } from '../mesh/resources.js';
import { Kernel } from './diff/interpreter.js';
import { at, listener, prefixRoute, rds, routeTable, virtualHost } from './model/protos.js';

const all: Complete = { listeners: true, routes: true, clusters: true, endpoints: true };

/** Maps of which one takes so many entries. */
class SmallMaps implements MapWriter {
  readonly kernel = new Kernel();
  mostAutomata = 100;
  reads = 0;
  most = 3;

  constructor(readonly full: MapName = 'km_cluster') {}

  read(): MapContents {
    this.reads += 1;
    return this.kernel.contents();
  }

  async apply(planned: Iterable<PlannedOperation>): Promise<void> {
    for (const operation of singly(planned)) {
      const entries = this.kernel.maps[this.full];
      const isNew = operation.op === 'put' && operation.map === this.full && !entries.has(JSON.stringify(operation.key));
      if (isNew && entries.size >= this.most) throw new DataplaneError('KM_MAP_FULL', `${this.full} is full: it takes ${this.most} entries; the option is --max-clusters`);
      this.kernel.apply(operation);
    }
  }
}

/** Service `n` at 10.96.0.n, with these endpoints. */
type Services = Readonly<Record<number, string | readonly string[]>>;

function services(endpoints: Services): Resources {
  const list = Object.entries(endpoints);
  return {
    clusters: new Map(list.map(([n]) => [`c${n}`, edsCluster(`c${n}`)])),
    endpoints: new Map(list.map(([n, endpoint]) => [`c${n}`, assignment(`c${n}`, ...[endpoint].flat())])),
    listeners: new Map(list.map(([n]) => [`l${n}`, tcpListener(`10.96.0.${n}:80`, `c${n}`)])),
    routes: new Map(),
    resolved: new Map(),
  };
}

const goes = (maps: SmallMaps, n: number): string[] => [...maps.kernel.resolve({ family: 4, address: `10.96.0.${n}`, prefixLength: 32, port: 80 }).keys()];

async function begin(maps = new SmallMaps()) {
  const applier = new Applier(maps, undefined, pino({ level: 'silent' }), () => undefined);
  const submit = async (endpoints: Services): Promise<void> => {
    applier.submit(services(endpoints), all);
    await applier.idle();
  };
  await submit({ 1: '10.0.0.1:80', 2: '10.0.0.2:80' });
  return { maps, applier, submit };
}

t.test('is named, and what was in force goes on changing', async (t) => {
  const { maps, applier, submit } = await begin();
  await submit({ 1: '10.0.1.1:80', 2: '10.0.0.2:80', 3: '10.0.0.3:80', 4: '10.0.0.4:80' });
  t.match(applier.applied.error, { code: 'KM_MAP_FULL', message: /km_cluster is full.*--max-clusters/ });
  t.match(applier.applied.model?.notEnforced, [{ feature: 'map_full', reason: /km_cluster is full.*2 clusters and 2 addresses are left out/ }]);
  t.strictSame([goes(maps, 1), goes(maps, 2)], [['10.0.1.1:80'], ['10.0.0.2:80']], 'the endpoint that changed in the same push is there');
  const { reads } = maps;
  await submit({ 1: '10.0.2.1:80', 2: '10.0.0.2:80', 3: '10.0.0.3:80', 4: '10.0.0.4:80' });
  t.strictSame(goes(maps, 1), ['10.0.2.1:80']);
  t.equal(maps.reads, reads, 'and it is not tried with each push whether there is room now');
});

t.test('a service that is removed meanwhile is gone', async (t) => {
  const { maps, submit } = await begin();
  await submit({ 1: '10.0.0.1:80', 2: '10.0.0.2:80', 3: '10.0.0.3:80', 4: '10.0.0.4:80' });
  await submit({ 1: '10.0.0.1:80', 3: '10.0.0.3:80', 4: '10.0.0.4:80' });
  t.strictSame(goes(maps, 1), ['10.0.0.1:80']);
  t.strictSame(goes(maps, 2), ['no listener']);
});

t.test('when nothing was in force, what was written serves and the error is told', async (t) => {
  const maps = new SmallMaps();
  const applier = new Applier(maps, undefined, pino({ level: 'silent' }), () => undefined);
  applier.submit(services({ 1: '10.0.0.1:80', 2: '10.0.0.2:80', 3: '10.0.0.3:80', 4: '10.0.0.4:80' }), all);
  await applier.idle();
  t.match(applier.applied, { model: undefined, error: { code: 'KM_MAP_FULL' } });
  maps.most = 10;
  applier.submit(services({ 1: '10.0.0.1:80' }), all);
  await applier.idle();
  t.equal(applier.applied.error, undefined);
  t.strictSame(goes(maps, 1), ['10.0.0.1:80']);
});

t.test('services that take the place of others come with the same push', async (t) => {
  const { maps, applier, submit } = await begin();
  await submit({ 1: '10.0.0.1:80', 2: '10.0.0.2:80', 3: '10.0.0.3:80' });
  await submit({ 1: '10.0.0.1:80', 4: '10.0.0.4:80', 5: '10.0.0.5:80' });
  t.equal(applier.applied.error, undefined);
  t.strictSame([1, 2, 3, 4, 5].map((n) => goes(maps, n)[0]), ['10.0.0.1:80', 'no listener', 'no listener', '10.0.0.4:80', '10.0.0.5:80']);
});

t.test('a service that grows beyond all room does not keep another one that is removed', async (t) => {
  const { maps, applier, submit } = await begin(new SmallMaps('km_slot'));
  await submit({ 1: ['10.0.0.1:80', '10.0.1.1:80', '10.0.2.1:80', '10.0.3.1:80'] });
  t.match(applier.applied.error, { code: 'KM_MAP_FULL' });
  t.strictSame([goes(maps, 1), goes(maps, 2)], [['10.0.0.1:80'], ['no listener']]);
  await submit({ 1: ['10.0.0.1:80', '10.0.1.1:80'] });
  t.strictSame(goes(maps, 1).sort(), ['10.0.0.1:80', '10.0.1.1:80']);
});

t.test('endpoints that are all replaced at once need no room beside the old ones', async (t) => {
  const { maps, applier, submit } = await begin(new SmallMaps('km_endpoint_state'));
  await submit({ 1: '10.0.1.1:80', 2: '10.0.1.2:80' });
  t.equal(applier.applied.error, undefined);
  t.strictSame([goes(maps, 1), goes(maps, 2)], [['10.0.1.1:80'], ['10.0.1.2:80']]);
});

t.test('routes that have no room for another program keep the cluster that they lead to, and nothing else that is removed', async (t) => {
  const { maps, applier, submit } = await begin(new SmallMaps('km_step'));
  const routed = (...left: number[]): Resources => {
    const { listeners, routes, clusters, ...rest } = services(Object.fromEntries(left.map((n) => [n, `10.0.0.${n}:80`])));
    const asking = listener({ name: 'l9', address: at('10.96.0.9', 80), filterChains: [{ filters: [rds('r')] }] });
    const table = routeTable('r', [virtualHost(['*'], [prefixRoute('/1', 'c1'), prefixRoute('/2', 'c2')])]);
    return { ...rest, clusters, listeners: new Map([...listeners, ['l9', asking]]), routes: new Map([...routes, ['r', table]]) };
  };
  maps.most = 100;
  applier.submit(routed(1, 2, 3), all);
  await applier.idle();
  maps.most = maps.kernel.maps.km_step.size;
  applier.submit(routed(2), all);
  await applier.idle();
  t.match(applier.applied.error, { code: 'KM_MAP_FULL' });
  t.strictSame([goes(maps, 1), goes(maps, 3)], [['no listener'], ['no listener']]);
  t.strictSame([...applier.applied.model!.clusters.keys()].sort(), ['c1', 'c2']);
  await submit({ 2: '10.0.0.2:80' });
  t.equal(applier.applied.error, undefined, 'without the routes there is room');
  t.strictSame([...applier.applied.model!.clusters.keys()], ['c2']);
});

t.test('an expression that takes the place of another one is decided with the same push', async (t) => {
  const { maps, applier } = await begin();
  maps.mostAutomata = 1;
  for (const regex of ['/one/[^/]+', '/two/[^/]+']) {
    const asking = listener({ name: 'l9', address: at('10.96.0.9', 80), filterChains: [{ filters: [rds('r')] }] });
    const table = routeTable('r', [virtualHost(['*'], [prefixRoute('/', 'c1', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex } } } })])]);
    applier.submit({ ...services({ 1: '10.0.0.1:80' }), listeners: new Map([['l9', asking]]), routes: new Map([['r', table]]) }, all);
    await applier.idle();
    t.equal(maps.kernel.maps.km_automaton.size, 1);
    t.strictSame(applier.applied.model!.notEnforced.filter(({ feature }) => feature === 'regex'), [], regex);
  }
});

t.test('an expression that finds room where its route finds none is not tried for without end', async (t) => {
  const { maps, applier } = await begin(new SmallMaps('km_step'));
  maps.most = 100;
  maps.mostAutomata = 1;
  const asking = listener({ name: 'l9', address: at('10.96.0.9', 80), filterChains: [{ filters: [rds('r')] }] });
  const routes = ['/one/[^/]+', '/two/[^/]+'].map((regex) => prefixRoute('/', 'c1', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex } } } }));
  const asked = { ...services({ 1: '10.0.0.1:80' }), listeners: new Map([['l9', asking]]), routes: new Map([['r', routeTable('r', [virtualHost(['*'], routes)])]]) };
  applier.submit(asked, all);
  await applier.idle();
  t.equal(maps.kernel.maps.km_automaton.size, 1);
  maps.mostAutomata = 2;
  maps.most = maps.kernel.maps.km_step.size;
  const { reads } = maps;
  applier.submit(asked, all);
  t.ok(await Promise.race([applier.idle().then(() => true), pause(5000, false)]), 'it rests');
  t.match(applier.applied.error, { code: 'KM_MAP_FULL' });
  t.ok(maps.reads - reads <= 4, `${maps.reads - reads} attempts`);
});
