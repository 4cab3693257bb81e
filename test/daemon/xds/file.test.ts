// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { createXdsSource, type Surroundings } from '../../../daemon/xds/index.js';
import type { Found } from '../../../daemon/xds/lookup.js';
import { systemClock } from '../../../daemon/xds/source.js';
import { XdsRecorder, plainValidators, type Seen } from '../../helpers/xdsRecorder.js';

const cluster = (name: string, extra = ''): string => `- '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: ${name}\n  type: STATIC\n${extra}`;
const has = (...names: string[]) => ({ resources }: Seen): boolean => [...resources.clusters.keys()].sort().join() === names.join();

function folder(t: Test): string {
  const made = mkdtempSync(path.join(tmpdir(), 'kmesh-xds-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function begin(t: Test, target: string, surroundings: Partial<Surroundings> = {}) {
  const recorder = new XdsRecorder();
  const options = { address: pathToFileURL(target).href, plaintext: false, protocol: 'sotw' as const, rootCert: '', token: '', env: {}, validators: plainValidators };
  const source = createXdsSource(options, recorder, { clock: systemClock, random: Math.random, lookup: async () => ({ addresses: [], ttlMs: undefined }), ...surroundings });
  t.teardown(() => source.stop());
  source.start();
  return { recorder, source };
}

t.test('a folder: what its files hold together, hidden and other files left out', async (t) => {
  const dir = folder(t);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a'));
  writeFileSync(path.join(dir, 'b.json'), '{"name": "b", "type": "STATIC"}');
  writeFileSync(path.join(dir, '.hidden.yaml'), cluster('hidden'));
  writeFileSync(path.join(dir, 'README.md'), 'not a resource');
  const { recorder } = begin(t, dir);
  const { info } = await recorder.resources(has('a', 'b'));
  t.match(info, { settled: true, complete: { clusters: true, endpoints: true, listeners: true, routes: true } });
  t.match(recorder.status, { connected: true, code: undefined });
});

t.test('changes: a new file, an edit, a file replaced by another, a file removed', async (t) => {
  const dir = folder(t);
  const a = path.join(dir, 'a.yaml');
  writeFileSync(a, cluster('a'));
  const { recorder } = begin(t, dir);
  const { resources: before } = await recorder.resources(has('a'));
  writeFileSync(path.join(dir, 'b.yaml'), cluster('b'));
  const { resources: after } = await recorder.resources(has('a', 'b'));
  t.equal(after.clusters.get('a'), before.clusters.get('a'), 'what did not change is the same object');
  writeFileSync(a, cluster('a2'));
  await recorder.resources(has('a2', 'b'));
  writeFileSync(path.join(dir, 'a.yaml.new'), cluster('a3'));
  renameSync(path.join(dir, 'a.yaml.new'), a);
  await recorder.resources(has('a3', 'b'));
  rmSync(a);
  await recorder.resources(has('b'));
});

t.test('a broken edit keeps what was read last, and says which file and line; other files go on', async (t) => {
  const dir = folder(t);
  const a = path.join(dir, 'a.yaml');
  writeFileSync(a, cluster('a'));
  writeFileSync(path.join(dir, 'b.yaml'), cluster('b'));
  const { recorder } = begin(t, dir);
  await recorder.resources(has('a', 'b'));
  writeFileSync(a, `${cluster('a')}- [broken\n`);
  const trouble = await recorder.until(({ code }) => code !== undefined);
  t.match(trouble, { connected: false, code: 'KM_XDS_FILE', reason: /a\.yaml:[45]: /, settled: true });
  t.ok(has('a', 'b')(recorder.seen!));
  writeFileSync(path.join(dir, 'b.yaml'), cluster('b2'));
  await recorder.resources(has('a', 'b2'));
  t.equal(recorder.status?.code, 'KM_XDS_FILE');
  writeFileSync(a, cluster('a2'));
  await recorder.resources(has('a2', 'b2'));
  t.match(recorder.status, { connected: true, code: undefined });
});

t.test('a file that was emptied on its way to a new version is a broken edit, not a removal', async (t) => {
  const dir = folder(t);
  const a = path.join(dir, 'a.yaml');
  writeFileSync(a, cluster('a'));
  const { recorder } = begin(t, a);
  await recorder.resources(has('a'));
  truncateSync(a);
  t.match(await recorder.until(({ code }) => code !== undefined), { reason: /is empty/ });
  t.ok(has('a')(recorder.seen!));
});

t.test('a bad resource is refused by name while the others apply, and keeps its last good version', async (t) => {
  const dir = folder(t);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a') + cluster('bad') + cluster('twice') + cluster('twice'));
  const { recorder } = begin(t, dir);
  await recorder.resources(has('a'));
  t.match(await recorder.until(({ code }) => code !== undefined), { connected: true, code: 'KM_XDS_REJECTED', reason: /"bad": the test refuses it; "twice": is there more than once/, nacks: [{ kind: 'clusters' }] });
});

t.test('a path that is not there yet: nothing is settled, nothing is complete, and it is found when it comes', async (t) => {
  const dir = path.join(folder(t), 'later');
  const { recorder } = begin(t, dir);
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_FILE', reason: /later/, settled: false, complete: { clusters: false } });
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a'));
  const { info } = await recorder.resources(has('a'));
  t.ok(info.settled);
});

t.test('a first start with one broken file: the others apply, but the configuration is not complete', async (t) => {
  const dir = folder(t);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a'));
  writeFileSync(path.join(dir, 'b.yaml'), '{');
  const { recorder } = begin(t, dir);
  const { info } = await recorder.resources(has('a'));
  t.match(info, { settled: true, complete: { clusters: false } });
  writeFileSync(path.join(dir, 'b.yaml'), cluster('b'));
  t.match(await recorder.resources(has('a', 'b')), { info: { complete: { clusters: true } } });
});

t.test('a folder that vanishes keeps the last good state, and is found when it is back', async (t) => {
  const dir = path.join(folder(t), 'mesh');
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a'));
  const { recorder } = begin(t, dir);
  await recorder.resources(has('a'));
  renameSync(dir, `${dir}.old`);
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_FILE', reason: /ENOENT/ });
  t.ok(has('a')(recorder.seen!));
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'b.yaml'), cluster('b'));
  await recorder.resources(has('b'));
});

t.test('a config map as kubelet mounts it: links, exchanged by one rename', async (t) => {
  const dir = folder(t);
  const version = (name: string, text: string): void => {
    mkdirSync(path.join(dir, `..${name}`));
    writeFileSync(path.join(dir, `..${name}`, 'a.yaml'), text);
    symlinkSync(`..${name}`, path.join(dir, '..data_tmp'));
    renameSync(path.join(dir, '..data_tmp'), path.join(dir, '..data'));
  };
  version('1', cluster('a'));
  symlinkSync('..data/a.yaml', path.join(dir, 'a.yaml'));
  const { recorder } = begin(t, dir);
  await recorder.resources(has('a'));
  version('2', cluster('a2'));
  await recorder.resources(has('a2'));
});

t.test('something other than a file is named and left alone', async (t) => {
  const dir = folder(t);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a'));
  mkdirSync(path.join(dir, 'b.yaml'));
  const { recorder } = begin(t, dir);
  await recorder.resources(has('a'));
  t.match(await recorder.until(({ code }) => code !== undefined), { reason: /b\.yaml: is not a regular file/ });
});

t.test('a file beyond the limit is not read', async (t) => {
  const dir = folder(t);
  const big = path.join(dir, 'big.yaml');
  writeFileSync(big, '');
  truncateSync(big, 17 << 20); // sparse: takes no room
  const { recorder } = begin(t, big);
  t.match(await recorder.until(({ code }) => code !== undefined), { code: 'KM_XDS_FILE', reason: /has 17825792 bytes; 16777216 are the most/ });
});

t.test('host names of clusters are resolved before the configuration is settled', async (t) => {
  const dir = folder(t);
  const hosts = '  load_assignment:\n    endpoints:\n    - lb_endpoints:\n      - endpoint: { address: { socket_address: { address: db.example, port_value: 1 } } }\n';
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a', hosts).replace('STATIC', 'STRICT_DNS'));
  let answer = (_found: Found): void => undefined;
  const { recorder } = begin(t, dir, { lookup: () => new Promise((resolve) => (answer = resolve)) });
  const first = await recorder.resources(has('a'));
  t.notOk(first.info.settled);
  answer({ addresses: ['192.0.2.1', '2001:db8::1'], ttlMs: undefined });
  const { resources } = await recorder.settled();
  t.strictSame(resources.resolved.get('db.example'), ['192.0.2.1', '2001:db8::1']);
});

t.test('after stop nothing is told', async (t) => {
  const dir = folder(t);
  writeFileSync(path.join(dir, 'a.yaml'), cluster('a'));
  const { recorder, source } = begin(t, dir);
  await source.stop();
  t.equal(recorder.seen, undefined);
});

t.test('the sample mesh of this repository is good', async (t) => {
  t.ok(readFileSync('samples/mesh/clusters.yaml', 'utf8').length > 0);
  const { recorder } = begin(t, path.resolve('samples/mesh'));
  const { resources } = await recorder.settled();
  t.match(recorder.status, { connected: true, code: undefined, nacks: [], notes: [] });
  for (const kind of ['clusters', 'endpoints', 'listeners', 'routes'] as const) t.ok(resources[kind].size > 0, kind);
});
