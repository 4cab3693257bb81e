// SPDX-License-Identifier: Apache-2.0
// What a real istiod sent, step by step, through the whole path: control plane, daemon, maps, kernel, client. The
// pod addresses are local to the sandbox, and each "pod" answers with its own address.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { DeltaDiscoveryResponse, DiscoveryResponse } from '../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import { kindOfType, type ResourceKind } from '../../daemon/xds/kinds.js';
import { XDS_PROTOCOLS, type XdsProtocol } from '../../daemon/xds/variant.js';
import { AdsServer } from '../helpers/adsServer.js';
import { DeltaServer } from '../helpers/deltaServer.js';
import { compileTool, enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { connectFrom, ownRange, ROOT, TestNode } from '../helpers/node.js';

const CAPTURES = path.join(ROOT, '../shared/fixtures/istiod');
if (!fs.existsSync(CAPTURES)) {
  t.pass('replay of istiod', { skip: 'needs the captures in ../shared/fixtures/istiod' });
  t.end();
  process.exit();
}
await enterSandbox(import.meta.url);

const CONNECTIONS = 200;
/** Five standard deviations of a fair draw of 200, in points. */
const TOLERANCE = 18;

/** Where connections go: a pod's address with its share in percent, or an errno with its share. */
type Shares = Readonly<Record<string, number>>;

const reviews = '10.96.185.191 9080';
const mysql = '10.96.126.5 3306';
const helloworld = '10.96.17.172 5000';
const helloworld2 = '10.96.83.160 5000';
const redis = '203.0.113.5 6379';

/** Each step changes what the ones before said. Read off the EDS, LDS and RDS messages of the step by hand. */
const STEPS: readonly { readonly step: string | number; readonly expect: Readonly<Record<string, Shares>> }[] = [
  {
    step: 'initial',
    expect: {
      [reviews]: { '10.244.1.18': 33.3, '10.244.2.16': 33.3, '10.244.3.17': 33.3 },
      '10.96.209.189 9000': { '10.244.3.20': 50, '10.244.3.21': 50 },
      '10.96.60.101 8000': { '10.244.1.23': 50, '10.244.2.22': 50 },
      'fd00:10:96::1bb 8443': { 'fd00:10:244:1::17': 50, 'fd00:10:244:2::16': 50 },
      [mysql]: { '10.244.2.26': 33.3, '10.244.2.28': 33.3, '10.244.3.27': 33.3 },
      [helloworld]: { '10.244.1.11': 50, '10.244.1.12': 50 },
      // A service without pods is refused; an address of a port that the mesh knows, but of no service, passes.
      '10.96.173.245 81': { ECONNREFUSED: 100 },
      '10.96.99.99 9080': { ENETUNREACH: 100 },
      [helloworld2]: { ENETUNREACH: 100 },
      [redis]: { ENETUNREACH: 100 },
    },
  },
  { step: 1, expect: { [reviews]: { '10.244.2.16': 80, '10.244.1.18': 20 } } },
  { step: 2, expect: { [mysql]: { '10.244.2.26': 75, '10.244.2.28': 12.5, '10.244.3.27': 12.5 }, [redis]: { ENETUNREACH: 100 } } },
  { step: 3, expect: { [reviews]: { '10.244.2.16': 50, '10.244.1.18': 50 } } },
  { step: 4, expect: { [reviews]: { '10.244.1.30': 16.7, '10.244.2.16': 16.7, '10.244.3.31': 16.7, '10.244.1.18': 50 } } },
  { step: 5, expect: { [reviews]: { '10.244.1.30': 25, '10.244.2.16': 25, '10.244.1.18': 50 } } },
  { step: 6, expect: { [helloworld2]: { ECONNREFUSED: 100 } } },
  { step: 7, expect: { [reviews]: { '10.244.1.30': 25, '10.244.2.16': 25, ECONNREFUSED: 50 } } },
  { step: 8, expect: {} },
  { step: 9, expect: { [helloworld]: { ENETUNREACH: 100 } } },
  { step: 10, expect: { [mysql]: { '10.244.2.26': 33.3, '10.244.2.28': 33.3, '10.244.3.27': 33.3 } } },
];

const client = compileTool('client');
ownRange('10.244.0.0/16');
ownRange('fd00:10:244::/48');
const pods = await Promise.all([9080, 9000, 8080, 3306, 5000].map(playPods));
t.teardown(() => pods.forEach((server) => server.close()));

/** Listens on one port of all pods. */
async function playPods(port: number): Promise<net.Server> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${socket.localAddress!.replace('::ffff:', '')}\n`);
  });
  await new Promise<void>((resolve) => server.listen(port, '::', resolve));
  return server;
}

interface Dump {
  readonly source: { readonly settled: boolean; readonly lastPushAt: string; readonly nacks: readonly unknown[] };
  readonly applied: { readonly at: string };
}

interface Received {
  readonly kind: ResourceKind | undefined;
  readonly request: { readonly responseNonce: string; readonly errorDetail: unknown };
}

/** A control plane that sends what it is told, in either variant of the protocol. */
interface ControlPlane {
  start(): Promise<void>;
  stop(): void;
  readonly address: string;
  readonly received: readonly Received[];
  take(match: (received: Received) => boolean): Promise<Received>;
  send(message: Buffer): void;
}

const VARIANTS: Readonly<Record<XdsProtocol, { readonly server: () => ControlPlane; readonly decode: (bytes: Buffer) => { readonly typeUrl: string; readonly nonce: string } }>> = {
  sotw: { server: () => new AdsServer(), decode: (bytes) => DiscoveryResponse.decode(bytes) },
  delta: { server: () => new DeltaServer(), decode: (bytes) => DeltaDiscoveryResponse.decode(bytes) },
};

/** Sends one capture as it is and waits until the daemon acknowledged it. */
async function replay(t: Test, server: ControlPlane, file: string, protocol: XdsProtocol = 'sotw'): Promise<void> {
  const bytes = fs.readFileSync(path.join(CAPTURES, file));
  const { typeUrl, nonce } = VARIANTS[protocol].decode(bytes);
  const kind = kindOfType(typeUrl);
  // EDS and RDS are sent to who asked for them.
  while (!server.received.some((received) => received.kind === kind)) await server.take((received) => received.kind === kind);
  server.send(bytes);
  const { request } = await server.take((received) => received.request.responseNonce === nonce);
  t.equal(request.errorDetail, undefined, `${file} is acknowledged`);
}

/** The daemon says when what it was sent is in the maps. */
async function applied(node: TestNode): Promise<Dump> {
  for (;;) {
    const dump = await node.admin<Dump>('/config_dump');
    if (dump.source?.settled && dump.applied.at >= dump.source.lastPushAt) return dump;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function check(t: Test, cgroup: string, where: string, shares: Shares, title: string): Promise<void> {
  const [address = '', port = ''] = where.split(' ');
  const outcomes = await connectFrom(cgroup, client, address, Number(port), ['-n', String(CONNECTIONS)]);
  const counts = new Map<string, number>();
  for (const { errno, said } of outcomes) {
    const came = errno === 'OK' ? said : errno;
    counts.set(came, (counts.get(came) ?? 0) + 1);
  }
  t.same([...counts.keys()].sort(), Object.keys(shares).sort(), `${title}: ${where} goes to the right places and no others`);
  for (const [came, share] of Object.entries(shares)) {
    const percent = (100 * (counts.get(came) ?? 0)) / CONNECTIONS;
    t.ok(Math.abs(percent - share) <= TOLERANCE, `${title}: ${where} to ${came}: ${percent} % of ${share} %`);
  }
  if (outcomes.some(({ errno }) => errno === 'OK')) t.equal(outcomes.find(({ errno }) => errno === 'OK')!.peer, address, `${title}: the client sees ${address}`);
}

for (const protocol of XDS_PROTOCOLS) t.test(`eleven steps of a real istiod, ${protocol}`, (t) => replaySteps(t, protocol));

async function replaySteps(t: Test, protocol: XdsProtocol): Promise<void> {
  const server = VARIANTS[protocol].server();
  await server.start();
  const cgroup = makeCgroup();
  const node = new TestNode({ cgroup, xdsAddress: server.address, args: ['--xds-plaintext', `--xds-protocol=${protocol}`], env: { INSTANCE_IP: '10.244.1.29', POD_NAME: 'kmesh-x7k2p', POD_NAMESPACE: 'kmesh-system' } });
  t.teardown(async () => {
    await node.stop();
    server.stop();
    node.remove();
  });
  node.start();
  const steps = JSON.parse(fs.readFileSync(path.join(CAPTURES, 'steps.json'), 'utf8')) as { step: string | number; what: string; sotw: string[]; delta: string[] }[];
  const expected: Record<string, Shares> = {};
  for (const { step, expect } of STEPS) {
    const { what, [protocol]: files } = steps.find((s) => s.step === step)!;
    for (const file of files) await replay(t, server, path.join(protocol, file), protocol);
    if (step === 'initial') await node.ready();
    const dump = await applied(node);
    t.same(dump.source.nacks, [], `step ${step}: nothing is rejected`);
    Object.assign(expected, expect);
    for (const [where, shares] of Object.entries(expected)) await check(t, cgroup, where, shares, `step ${step} (${what})`);
  }
}

t.test('a client of both families', async (t) => {
  const server = new AdsServer();
  await server.start();
  const cgroup = makeCgroup();
  const node = new TestNode({ cgroup, xdsAddress: server.address, args: ['--xds-plaintext'], env: { INSTANCE_IP: '10.244.1.29,fd00:10:244:1::29', POD_NAME: 'kmesh-x7k2p', POD_NAMESPACE: 'kmesh-system' } });
  t.teardown(async () => {
    await node.stop();
    server.stop();
    node.remove();
  });
  node.start();
  for (const file of ['001-cds.pb', '002-eds.pb', '003-lds.pb', '004-rds.pb']) await replay(t, server, path.join('dual', file));
  await node.ready();
  await applied(node);
  const auto4 = { '10.244.1.23': 50, '10.244.2.22': 50 };
  const auto6 = { 'fd00:10:244:1::17': 50, 'fd00:10:244:2::16': 50 };
  await check(t, cgroup, '10.96.60.101 8000', auto4, 'dual');
  await check(t, cgroup, 'fd00:10:96::4581 8000', auto6, 'dual');
  await check(t, cgroup, 'fd00:10:96::1bb 8443', auto6, 'dual');
});
