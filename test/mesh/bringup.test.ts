// SPDX-License-Identifier: Apache-2.0
// The whole path as a user goes it: `node agent.js --mode=ads` from nothing to steered connections and back.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { AdsServer } from '../helpers/adsServer.js';
import { mountTable } from '../helpers/mountTable.js';
import { connectFrom, ROOT, TestNode, type Outcome } from '../helpers/node.js';
import { compileTool, enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { assignment, blackHole, edsCluster, tcpListener } from './resources.js';

await enterSandbox(import.meta.url);

const SERVICE = '10.96.0.10';
const SERVICE6 = 'fd00:10:96::10';
const client = compileTool('client');
/** What becomes of kmesh.ko elsewhere is the matter of test/vm. */
const WITHOUT_MODULES = !fs.existsSync('/proc/modules');

/** A backend that says its name; one that listens on ::1 and 127.0.0.1. */
async function backend(name: string, port: number): Promise<net.Server[]> {
  return Promise.all(
    ['127.0.0.1', '::1'].map(async (host) => {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end(`${name}\n`);
      });
      await new Promise<void>((resolve) => server.listen(port, host, resolve));
      return server;
    }),
  );
}

const servers = (await Promise.all([backend('v1-a', 18081), backend('v1-b', 18082), backend('v2', 18083)])).flat();
t.teardown(() => servers.forEach((server) => server.close()));

/** A copy of the sample mesh that a test may edit. */
function meshFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kmesh-mesh-'));
  fs.cpSync(path.join(ROOT, 'samples/mesh'), folder, { recursive: true });
  return folder;
}

/** As an editor saves: written beside it, then renamed. */
function edit(file: string, change: (text: string) => string): void {
  fs.writeFileSync(`${file}.new`, change(fs.readFileSync(file, 'utf8')));
  fs.renameSync(`${file}.new`, file);
}

const said = (outcomes: readonly Outcome[]): string[] => [...new Set(outcomes.map(({ errno, said }) => (errno === 'OK' ? said : errno)))].sort();

/** What a run may leave behind on the machine. */
function traces(node: TestNode): unknown {
  const mounts = mountTable()
    .split('\n')
    .filter(Boolean)
    // All but the mount's own number and its parent's.
    .map((line) => line.split(' ').slice(2).join(' '));
  const below = (folder: string): string[] => (fs.existsSync(folder) ? (fs.readdirSync(folder, { recursive: true }) as string[]) : []);
  const processes = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readOr(`/proc/${pid}/cmdline`).includes(node.stateDir));
  return { mounts, pins: below('/sys/fs/bpf'), processes, folders: [fs.existsSync(node.cgroup2Path), below(node.stateDir).filter((name) => !name.startsWith('build') && name !== 'agent.lock')] };
}

function readOr(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The daemon of an agent, found as its child. */
function daemonPid(node: TestNode): number {
  const children = readOr(`/proc/${node.agentPid}/task/${node.agentPid}/children`).trim().split(' ');
  const pid = children.find((child) => readOr(`/proc/${child}/cmdline`).includes('daemon.js'));
  if (pid === undefined) throw new Error('the agent has no daemon');
  return Number(pid);
}

t.test('up, steered, down, and nothing is left', async (t) => {
  const cgroup = makeCgroup();
  const mesh = meshFolder();
  const node = new TestNode({ cgroup, xdsAddress: `file://${mesh}` });
  t.teardown(async () => {
    await node.stop();
    node.remove();
    fs.rmSync(mesh, { recursive: true });
  });
  const before = traces(node);
  t.same(said(await connectFrom(cgroup, client, SERVICE, 80)), ['ENETUNREACH'], 'nobody owns the service address');
  node.start();
  await node.ready();

  const messages = node.log.map((line) => line.msg);
  for (const phase of ['detect-kernel', 'read-helpers', 'set-macros', 'compile-bpf', 'mount-filesystems', 'supervise-daemon']) {
    t.ok(messages.some((msg) => msg.startsWith(`phase ${phase} (`) && msg.includes('done')), `${phase} says that it is done`);
  }
  for (const phase of WITHOUT_MODULES ? ['compile-module', 'insert-module'] : []) t.ok(messages.some((msg) => msg.startsWith(`phase ${phase} (`) && msg.includes('skipped, ')), `${phase} says why it is skipped`);
  const tables = node.log.filter((line) => Array.isArray(line['capabilities']));
  t.equal(tables.length, 1, 'one capability table');
  t.match(
    tables[0]!['capabilities'],
    [
      { name: 'l4-ipv4', state: 'on' },
      { name: 'l4-ipv6', state: 'on' },
      { name: 'l7-http', ...(WITHOUT_MODULES ? { state: 'off', reason: /^the kernel cannot load modules: / } : {}) },
    ],
    'which says what is on, what is off, and why',
  );

  for (const service of [SERVICE, SERVICE6]) {
    const outcomes = await connectFrom(cgroup, client, service, 80, ['-n', '10000']);
    const share = outcomes.filter((outcome) => outcome.said === 'v2').length / 100;
    t.ok(Math.abs(share - 20) < 2, `${service}: 10,000 connections over 80/20: ${share} % to v2`);
    t.ok(outcomes.every(({ errno, peer }) => errno === 'OK' && peer === service), 'all arrive, and see the service address as their peer');
  }
  t.same(said(await connectFrom(cgroup, client, '10.96.0.11', 8080, ['-n', '10'])), ['v1-a', 'v1-b'], 'an HTTP service takes its catch-all route');
  t.same(said(await connectFrom(cgroup, client, '10.96.0.12', 80)), ['ECONNREFUSED'], 'BlackHoleCluster refuses');
  t.same(said(await connectFrom(makeCgroup(), client, SERVICE, 80)), ['ENETUNREACH'], 'a process outside of --attach-cgroup is not steered');

  const { statusPort, metricsPort } = node.log.find((line) => line['statusPort'] !== undefined) as unknown as Record<string, number>;
  const get = (port: number, page: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${page}`);
  for (const page of ['/healthz/startup', '/healthz/live', '/healthz/ready']) t.equal((await get(statusPort!, page)).status, 200, `${page} says so`);
  t.match(await (await get(statusPort!, '/status')).json(), { started: true, ready: { ready: true }, daemon: { state: 'ready' }, capabilities: [{ name: 'l4-ipv4', state: 'on' }] });
  t.match(await (await get(statusPort!, '/')).text(), /<span class="good">ready<\/span>/);
  const metrics = await (await get(metricsPort!, '/metrics')).text();
  t.ok(Number(/^kmesh_connections_total\{reason="steered"\} (\d+)$/m.exec(metrics)?.[1]) >= 20_010, 'connections are counted');
  t.match(metrics, /^kmesh_agent_ready 1$/m);

  t.equal(await node.stop(), 0, 'SIGTERM ends it with 0');
  t.same(traces(node), before, 'no mount, pin, process or file is left but the build cache and the empty file of the lock');
  t.same(said(await connectFrom(cgroup, client, SERVICE, 80)), ['ENETUNREACH'], 'and nothing is steered');
  const cleanup = spawn(process.execPath, [path.join(ROOT, 'agent.js'), 'cleanup', '--state-dir', node.stateDir, '--cgroup2-path', node.cgroup2Path], { stdio: 'ignore' });
  const [code] = await once(cleanup, 'exit');
  t.equal(code, 0);
  t.notOk(fs.existsSync(node.stateDir), 'cleanup takes the build cache too');
});

t.test('the daemon dies and the files change', async (t) => {
  const cgroup = makeCgroup();
  const mesh = meshFolder();
  const node = new TestNode({ cgroup, xdsAddress: `file://${mesh}` });
  t.teardown(async () => {
    await node.stop();
    node.remove();
    fs.rmSync(mesh, { recursive: true });
  });
  node.start();
  await node.ready();
  const endpoints = path.join(mesh, 'endpoints.yaml');
  const original = fs.readFileSync(endpoints, 'utf8');

  let seen = node.log.length;
  edit(endpoints, (text) => text.replace(/(port_value: 18082 } } })/g, '$1\n            health_status: UNHEALTHY'));
  await node.lineOf(/^configuration applied/, { after: seen });
  t.same(said(await connectFrom(cgroup, client, '10.96.0.11', 8080, ['-n', '50'])), ['v1-a'], 'an endpoint that turned UNHEALTHY gets no new connection');

  seen = node.log.length;
  edit(endpoints, (text) => `${text}\n  - {{ broken`);
  const warning = await node.lineOf(/KM_XDS_FILE/, { after: seen });
  t.match(warning.msg, /endpoints\.yaml/, 'a broken edit is named');
  t.same(said(await connectFrom(cgroup, client, '10.96.0.11', 8080, ['-n', '20'])), ['v1-a'], 'and the last good state stays');
  seen = node.log.length;
  edit(endpoints, () => original);
  await node.lineOf(/^configuration applied/, { after: seen });

  seen = node.log.length;
  process.kill(daemonPid(node), 'SIGKILL');
  t.same(said(await connectFrom(cgroup, client, SERVICE, 80, ['-n', '200'])), ['v1-a', 'v1-b', 'v2'], 'connections are steered while the daemon is away');
  const adopted = await node.lineOf(/^adopted the pinned maps/, { after: seen });
  t.equal(adopted['frontends'], 5, 'its successor adopts what is pinned');
  const force = await node.lineOf(/^programs in force/, { after: seen });
  t.ok((force['hooks'] as { action: string }[]).every(({ action }) => action === 'replaced'), 'and replaces the programs in place');
});

t.test('a daemon that is on no record: a second one is refused, and the next agent ends it', async (t) => {
  const cgroup = makeCgroup();
  const node = new TestNode({ cgroup, xdsAddress: `file://${path.join(ROOT, 'samples/mesh')}` });
  t.teardown(async () => {
    await node.stop();
    node.remove();
  });
  node.start();
  await node.ready();
  const old = daemonPid(node);

  const words = fs.readFileSync(`/proc/${old}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const second = spawn(words[0]!, [...words.slice(1), '--admin-port', '15201', '--log-format', 'json'], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, XDS_ADDRESS: `file://${ROOT}/samples/mesh` } });
  const [refusal, [code]] = await Promise.all([text(second.stdout!), once(second, 'exit')]);
  t.match(refusal, new RegExp(`KM_DAEMON_RUNNING: the process with pid ${old} holds /sys/fs/bpf/bpf_kmesh; remedy: `));
  t.equal(code, 3);

  // As when the agent is killed after it has started the daemon, and before it has put it on record.
  await node.stop('SIGKILL');
  fs.rmSync(path.join(node.stateDir, 'processes.json'));
  t.same(said(await connectFrom(cgroup, client, SERVICE, 80, ['-n', '50'])), ['v1-a', 'v1-b', 'v2']);
  const seen = node.log.length;
  node.start();
  await node.lineOf(new RegExp(`^ended kmesh-daemon with pid ${old}, which an earlier agent left behind$`), { after: seen });
  await node.lineOf(/^ready: /, { after: seen });
  t.not(daemonPid(node), old);
});

t.test("the node's own connections are never steered", async (t) => {
  const cgroup = makeCgroup();
  const server = new AdsServer();
  await server.start();
  server.serve({
    clusters: [blackHole(), edsCluster('v2')],
    endpoints: [assignment('v2', '127.0.0.1:18083')],
    listeners: [tcpListener(server.address, 'BlackHoleCluster'), tcpListener(`${SERVICE}:80`, 'v2'), tcpListener('0.0.0.0:15200', 'BlackHoleCluster')],
  });
  // The agent and its daemon are themselves in the cgroup that is steered.
  const node = new TestNode({ cgroup, inside: true, xdsAddress: server.address, args: ['--xds-plaintext'] });
  t.teardown(async () => {
    await node.stop();
    server.stop();
    node.remove();
  });
  node.start();
  await node.ready();
  t.same(said(await connectFrom(cgroup, client, '127.0.0.1', server.port)), ['ECONNREFUSED'], 'others are refused at the address of the control plane');
  const seen = node.log.length;
  process.kill(daemonPid(node), 'SIGKILL');
  await node.lineOf(/^the source of the configuration answers/, { after: seen });
  t.pass('the daemon reaches it all the same');
  const readySeen = node.log.length;
  server.serve({ clusters: [edsCluster('v2')], endpoints: [assignment('v2', '127.0.0.1:18081')], listeners: [tcpListener(`${SERVICE}:80`, 'v2')] });
  await node.lineOf(/^configuration applied/, { after: readySeen });
  t.same(said(await connectFrom(cgroup, client, SERVICE, 80)), ['v1-a']);
});

t.test('adopted configuration without a control plane, and what is swept after it', async (t) => {
  const cgroup = makeCgroup();
  const server = new AdsServer();
  await server.start();
  server.serve({
    clusters: [edsCluster('a'), edsCluster('b')],
    endpoints: [assignment('a', '127.0.0.1:18081'), assignment('b', '127.0.0.1:18083')],
    listeners: [tcpListener(`${SERVICE}:80`, 'a'), tcpListener('10.96.0.11:80', 'b')],
  });
  const node = new TestNode({ cgroup, xdsAddress: server.address, args: ['--xds-plaintext'] });
  t.teardown(async () => {
    await node.stop();
    server.stop();
    node.remove();
  });
  node.start();
  await node.ready();
  server.stop();
  let seen = node.log.length;
  process.kill(daemonPid(node), 'SIGKILL');
  await node.lineOf(/KM_XDS_UNREACHABLE/, { after: seen });
  const response = await fetch('http://127.0.0.1:15200/healthz/ready');
  t.equal(response.status, 200, 'adopted configuration counts as applied');
  t.match(await response.json(), { ready: true, stale: true, code: 'KM_XDS_UNREACHABLE' }, 'and is shown as stale');
  t.same(said(await connectFrom(cgroup, client, '10.96.0.11', 80)), ['v2'], 'it is in force');

  server.serve({ clusters: [edsCluster('a')], endpoints: [assignment('a', '127.0.0.1:18081')], listeners: [tcpListener(`${SERVICE}:80`, 'a')] });
  seen = node.log.length;
  await server.start();
  await node.lineOf(/^configuration applied/, { after: seen });
  t.same(said(await connectFrom(cgroup, client, '10.96.0.11', 80)), ['ENETUNREACH'], 'what was deleted meanwhile is swept after the first complete answer');
  t.same(said(await connectFrom(cgroup, client, SERVICE, 80)), ['v1-a']);
  t.match(await node.admin('/healthz/ready'), { ready: true, stale: false });
});

t.test('no control plane from the start', async (t) => {
  const cgroup = makeCgroup();
  const node = new TestNode({ cgroup, xdsAddress: '127.0.0.1:1', args: ['--xds-plaintext'] });
  t.teardown(async () => {
    await node.stop();
    node.remove();
  });
  const before = traces(node);
  node.start();
  const line = await node.lineOf(/not ready yet: KM_XDS_UNREACHABLE/);
  t.match(line.msg, /127\.0\.0\.1:1/, 'the agent says whom it cannot reach');
  t.equal((await fetch('http://127.0.0.1:15200/healthz/ready')).status, 503);
  t.equal(await node.stop('SIGINT'), 130, 'stopped before it was ready');
  t.same(traces(node), before);
});
