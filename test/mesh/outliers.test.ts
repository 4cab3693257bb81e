// SPDX-License-Identifier: Apache-2.0
// Outlier detection as a user sees it: an endpoint that refuses gets no connections any more, and comes back after its time.
import net from 'node:net';
import t from 'tap';
import { milliseconds } from '../../daemon/model/duration.js';
import type { Cluster } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { OutlierDetection } from '../../daemon/proto/envoy/config/cluster/v3/outlier_detection.js';
import { AdsServer } from '../helpers/adsServer.js';
import { connectFrom, TestNode, type Outcome } from '../helpers/node.js';
import { compileTool, enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { assignment, edsCluster, tcpListener } from './resources.js';

await enterSandbox(import.meta.url);

const SERVICE = '10.96.0.10';
const [GOOD, LATE] = [18091, 18092];
const client = compileTool('client');
const base = { seconds: 6n, nanos: 0 };

async function backend(name: string, port: number): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${name}\n`);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.teardown(() => server.close());
}

const tally = (outcomes: readonly Outcome[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { errno, said } of outcomes) counts[errno === 'OK' ? said : errno] = (counts[errno === 'OK' ? said : errno] ?? 0) + 1;
  return counts;
};

interface Dump {
  readonly clusters: readonly { readonly name: string; readonly endpoints: readonly { readonly address: string }[]; readonly ejected?: readonly string[] }[];
}

t.test('an endpoint that refuses is ejected, and comes back after its time', async (t) => {
  await backend('good', GOOD);
  const server = new AdsServer();
  await server.start();
  const cgroup = makeCgroup();
  const node = new TestNode({ cgroup, xdsAddress: server.address, args: ['--xds-plaintext'], env: { INSTANCE_IP: '10.244.1.29', POD_NAME: 'kmesh-x7k2p', POD_NAMESPACE: 'kmesh-system' } });
  t.teardown(async () => {
    await node.stop();
    server.stop();
    node.remove();
  });
  const cluster: Cluster = { ...edsCluster('c'), outlierDetection: OutlierDetection.fromPartial({ consecutive5xx: 3, baseEjectionTime: base, maxEjectionPercent: 50 }) };
  server.serve({ clusters: [cluster], endpoints: [assignment('c', `127.0.0.1:${GOOD}`, `127.0.0.1:${LATE}`)], listeners: [tcpListener(`${SERVICE}:80`, 'c')] });
  node.start();
  await node.ready();
  const connect = (n: number): Promise<Record<string, number>> => connectFrom(cgroup, client, SERVICE, 80, ['-n', String(n)]).then(tally);

  t.same(await connect(4), { good: 2, ECONNREFUSED: 2 }, 'in turn');
  t.equal((await node.admin<Dump>('/config_dump')).clusters[0]!.ejected, undefined, 'two failures are no row of three');
  t.same(await connect(4), { good: 2, ECONNREFUSED: 2 });
  const out = await node.lineOf(/ is ejected for 6 s/);
  t.match(out.msg, new RegExp(`endpoint 127.0.0.1 port ${LATE} of cluster c is ejected for 6 s: [34] connects in a row failed`));
  await node.lineOf(/^configuration applied/, { after: node.log.indexOf(out) });
  t.same(await connect(20), { good: 20 }, 'no more connections there');
  const ejected = (await node.admin<Dump>('/config_dump')).clusters[0]!;
  t.match(ejected, { ejected: [`127.0.0.1 ${LATE}`] });
  t.equal(ejected.endpoints.length, 1);

  await backend('late', LATE);
  const back = await node.lineOf(/gets connections again/);
  const passed = Date.parse(String(back['time'])) - Date.parse(String(out['time']));
  t.ok(passed >= milliseconds(base)! - 5, `after ${passed} ms`);
  await node.lineOf(/^configuration applied/, { after: node.log.indexOf(back) });
  t.same(await connect(10), { good: 5, late: 5 }, 'both again');
});
