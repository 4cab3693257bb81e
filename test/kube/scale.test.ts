// SPDX-License-Identifier: Apache-2.0
/**
 * 1,000 Services with 10 endpoints of each family, and changes of them, over both variants of the protocol: after each change the maps in the
 * kernel are what the objects in the cluster mean for a client in Kmesh's own namespace, computed from the objects alone. What another namespace's
 * Sidecar, `exportTo` or source labels would say is not visible to the one client that a node is (docs/routing.md).
 *
 * Prints how long after `kubectl apply` returned the daemon had received what istiod pushed, and the maps were written. KMESH_SCALE=N: N Services.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { anyPod, logs, NAMESPACE as OWN, remove, rolledOut, writeKustomization } from './kmesh.js';
import { kubectl, limit, until } from './kubectl.js';
import { readMaps } from './scale/maps.js';
import { differences, readMeaning } from './scale/meaning.js';
import { endpointSlices, httpService, type Manifest, NAMESPACE, routed, service, sidecar, split } from './scale/objects.js';
import { meaningOfRequests, type Request, requestsInMaps } from './scale/requests.js';

const SERVICES = Number(process.env['KMESH_SCALE'] ?? '1000');
/** Single endpoint changes that are timed. */
const CHANGES = 30;
const BATCH = 250;
/** Services besides, whose requests are routed. */
const HTTP_SERVICES = Math.max(10, SERVICES / 10);
/** Seconds. */
const PROPAGATION = 90;

const folder = temporaryFolder(t);
t.teardown(() => remove());
t.teardown(() => kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', limit(600)));

const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);
const send = (verb: 'apply' | 'delete', items: readonly Manifest[], ...more: readonly string[]): void =>
  void execFileSync('kubectl', [verb, ...more, '--filename', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), stdio: ['pipe', 'ignore', 'inherit'], maxBuffer: 1 << 28 });
/** Server-side, which needs no copy of the object in an annotation. */
const apply = (...items: readonly Manifest[]): void => send('apply', items, '--server-side', '--force-conflicts');

interface Written {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly took: number;
}

/** Configurations that changed something in the maps, by the log. */
async function written(since: number): Promise<readonly Written[]> {
  const { name } = (await anyPod()).metadata;
  return logs(name, `--since-time=${new Date(since - 1000).toISOString()}`)
    .split('\n')
    .filter((line) => line.includes('"configuration applied'))
    .map((line) => JSON.parse(line) as { time: string; operations: number; ms: number })
    .filter(({ operations }) => operations > 0)
    .map(({ time, ms }) => ({ at: Date.parse(time), took: ms }))
    .filter(({ at }) => at >= since);
}

/** Waits until the maps are what the objects mean, for connections whose request is not looked at. */
async function equal(t: Test, what: string): Promise<void> {
  const { name } = (await anyPod()).metadata;
  const wanted = readMeaning(OWN);
  const known = new Set(everSeen);
  for (const address of wanted.keys()) known.add(address);
  everSeen = [...known];
  let last: readonly string[] = [];
  await until(what, PROPAGATION, () => {
    last = differences(wanted, readMaps(name, (address) => known.has(address)));
    return last.length === 0 ? true : undefined;
  }, () => `${last.length} differences: ${last.slice(0, 10).join('\n')}`);
  t.pass(`${what}: ${wanted.size} addresses`);
}

/** Addresses that were a Service's at some time: those of Services that are gone must go from the maps. */
let everSeen: readonly string[] = [];

const quantile = (values: readonly number[], q: number): number => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * q) - 1)]!;

kubectl('create', 'namespace', NAMESPACE);
for (const from of range(Math.ceil(SERVICES / BATCH))) {
  const some = range(Math.min(BATCH, SERVICES - from * BATCH), from * BATCH);
  apply(...some.map(service), ...some.flatMap((i) => endpointSlices(i)));
}

const http = (n: number): number => SERVICES + n;
const withHttp = (n: number, more: Parameters<typeof endpointSlices>[1] = {}): Manifest[] => endpointSlices(http(n), { ...more, port: 'http' });
apply(...range(HTTP_SERVICES).map((n) => httpService(http(n))), ...range(HTTP_SERVICES).flatMap((n) => withHttp(n)));

for (const protocol of ['sotw', 'delta']) {
  t.test(protocol, async (t) => {
    writeKustomization(folder, { changes: [{ op: 'add', path: '/spec/template/spec/containers/0/args/-', value: `--xds-protocol=${protocol}` }] });
    kubectl('apply', '--kustomize', folder);
    await rolledOut();
    await equal(t, 'all Services');
    await timedChanges(t, protocol);
    await otherChanges(t);
    await changesOfRules(t);
    kubectl('delete', '--kustomize', folder, limit(180));
  });
}

async function timedChanges(t: Test, protocol: string): Promise<void> {
  const [received, done]: [number[], number[]] = [[], []];
  for (const i of range(CHANGES)) {
    // Another generation of addresses each time.
    apply(...endpointSlices(i, { generation: protocol === 'sotw' ? 1 : 2 }).slice(0, 1));
    const since = Date.now();
    const first = await until(`change ${i} is written`, PROPAGATION, async () => (await written(since))[0]);
    done.push(first.at - since);
    received.push(Math.max(0, first.at - first.took - since));
  }
  const line = (what: string, values: readonly number[]): string => `${what} p50 ${quantile(values, 0.5)} ms, p99 ${quantile(values, 0.99)} ms`;
  process.stderr.write(`scale: ${protocol}: ${SERVICES} Services; after kubectl apply returned: ${line('push received', received)}; ${line('maps written', done)}\n`);
  await equal(t, `${CHANGES} changes of endpoints`);
}

async function otherChanges(t: Test): Promise<void> {
  apply(...endpointSlices(40, { unready: 4 }), ...endpointSlices(41, { unready: 10 }));
  await equal(t, 'endpoints that are not ready');
  apply(split(50, { 50: 70, 51: 30 }), split(52, { 53: 1 }));
  await equal(t, 'weights');
  apply(split(50, { 50: 20, 51: 80 }));
  await equal(t, 'other weights');
  apply(sidecar(OWN, [1, 50, 51, 60]));
  await equal(t, 'a Sidecar of the own namespace');
  await restartIstiod(t, async () => {
    apply(...endpointSlices(60, { generation: 3 }));
    send('delete', [service(61)]);
  });
  send('delete', [sidecar(OWN, [])]);
  await equal(t, 'without the Sidecar');
  send('delete', [split(50, {}), split(52, {}), ...range(5, 70).map(service)]);
  await equal(t, 'deletions');
  const again = [61, ...range(5, 70)];
  apply(...again.map(service), ...again.flatMap((i) => endpointSlices(i)), ...range(CHANGES).flatMap((i) => endpointSlices(i)), ...[40, 41, 60].flatMap((i) => endpointSlices(i)));
  await equal(t, 'all as in the beginning');
}

/** A path, and who asks, if anybody is named. */
const QUESTIONS: readonly (readonly [path: string, user?: string])[] = [['/'], ['/api'], ['/api/items', 'jason'], ['/api/items', 'jane'], ['/exact'], ['/exact/more'], ['/v2/items'], ['/vx/items', 'jason']];
const REQUESTS: readonly Request[] = [...QUESTIONS.map(([path, user]) => ({ service: http(0), path, headers: user === undefined ? {} : { 'x-user': user } })), { service: http(1), path: '/api', headers: {} }];

/** The same of requests: every question has the answer that the VirtualServices mean. */
async function requestsEqual(t: Test, what: string): Promise<void> {
  await equal(t, what);
  const { name } = (await anyPod()).metadata;
  const wanted = meaningOfRequests(OWN, REQUESTS);
  let last: readonly string[] = [];
  await until(what, PROPAGATION, () => {
    last = differences(wanted, requestsInMaps(name, OWN, REQUESTS));
    return last.length === 0 ? true : undefined;
  }, () => `${last.length} differences: ${last.slice(0, 10).join('\n')}`);
  t.pass(`${what}: ${wanted.size} requests`);
}

/** VirtualServices by path and header: made, changed, their endpoints changed, hidden and deleted. */
async function changesOfRules(t: Test): Promise<void> {
  await requestsEqual(t, 'requests without rules');
  const jason = { headers: { 'x-user': { exact: 'jason' } } };
  const rules = [
    { match: [{ uri: { prefix: '/api' }, ...jason }], to: { [http(3)]: 1 } },
    { match: [{ uri: { prefix: '/api/' } }, { uri: { exact: '/exact' } }], to: { [http(4)]: 75, [http(5)]: 25 } },
    { match: [{ uri: { regex: '/v[0-9]+/.*' } }], to: { [http(6)]: 1 } },
    { to: { [http(0)]: 1 } },
  ];
  apply(routed(http(0), rules));
  await requestsEqual(t, 'rules by path, header and expression');
  apply(routed(http(0), [{ match: [jason], to: { [http(7)]: 1 } }, ...rules.slice(1, 3), { to: { [http(0)]: 10, [http(8)]: 90 } }]), routed(http(1), [{ match: [{ uri: { prefix: '/api' } }], to: { [http(2)]: 1 } }, { to: { [http(1)]: 1 } }]));
  await requestsEqual(t, 'other rules, and of another Service');
  apply(...withHttp(4, { generation: 4 }), ...withHttp(6, { unready: 3 }));
  await requestsEqual(t, 'endpoints behind rules');
  apply(sidecar(OWN, range(9).map(http)));
  await requestsEqual(t, 'with a Sidecar of the own namespace');
  send('delete', [sidecar(OWN, []), routed(http(0), []), routed(http(1), [])]);
  await requestsEqual(t, 'rules deleted');
  apply(...[4, 6].flatMap((n) => withHttp(n)));
  await requestsEqual(t, 'all as in the beginning');
}

/** Kills istiod, changes something, and starts it again: what is in the maps stays, then follows. Only where ../shared/tools made the cluster. */
async function restartIstiod(t: Test, change: () => Promise<void>): Promise<void> {
  const state = process.env['KUBE_STATE'];
  const { name } = (await anyPod()).metadata;
  const before = readMaps(name, (address) => everSeen.includes(address));
  if (state === undefined) {
    await change();
    await equal(t, 'a change; istiod is not ours to end');
    return;
  }
  const file = path.join(state, 'pid/istiod');
  const pid = fs.readFileSync(file, 'utf8').trim();
  // Each ends with a zero; there are empty ones among the arguments.
  const words = (name: string): string[] => fs.readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0').slice(0, -1);
  const [[program = '', ...args], environment, cwd] = [words('cmdline'), words('environ'), fs.readlinkSync(`/proc/${pid}/cwd`)];
  process.kill(Number(pid), 'SIGKILL');
  await until('istiod is gone', 10, () => (fs.existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) ? undefined : true));
  await change();
  t.same(differences(before, readMaps(name, (address) => everSeen.includes(address))), [], 'what was in force stays while istiod is away');
  const log = fs.openSync(path.join(state, 'log/istiod-2.log'), 'a');
  const env = Object.fromEntries(environment.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]));
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
  child.unref();
  fs.closeSync(log);
  fs.writeFileSync(file, String(child.pid));
  await equal(t, 'istiod is there again, with what changed meanwhile');
}
