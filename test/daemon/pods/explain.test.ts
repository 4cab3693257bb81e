// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { explain } from '../../../daemon/explain/command.js';
import { podsSummary } from '../../../daemon/pods/summary.js';
import type { PodsView, PodView } from '../../../daemon/pods/view.js';
import { podsLine, podsStatus } from '../../../agent/status/pods.js';

const pod = (name: string, more: Partial<PodView> = {}): PodView => ({ namespace: 'shop', name, uid: `u-${name}`, enrolled: false, inMesh: false, rule: 'no_label', why: 'no label', annotated: false, ...more });
const IN: Partial<PodView> = { enrolled: true, inMesh: true, rule: 'pod_label', why: 'its own label says kmesh', annotated: true, netns: { inode: 4026532000, cookie: '4711', toldBy: 'cni' }, connections: { steered: 3, passed: 2, refused: 1 } };
const VIEW: PodsView = { manage: 'labelled', node: 'node-1', synced: true, troubles: [], pods: [pod('in', IN), pod('late', { inMesh: true, rule: 'namespace_label', why: 'its namespace says kmesh' }), pod('out')], others: [] };

/** The admin interface of a daemon that says so. */
async function daemon(t: { teardown(work: () => unknown): void }, body: unknown, status = 200): Promise<number> {
  const server = http.createServer((request, response) => response.writeHead(request.url === '/pods' ? status : 404).end(JSON.stringify(body)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

const explainPod = ({ pod, port }: { readonly pod: string; readonly port: number }): Promise<string> => explain(['--pod', pod, '--admin-port', String(port)]);

t.test('the words of the command', async (t) => {
  const port = await daemon(t, VIEW);
  t.match(await explain(['--pod=shop/in', `--admin-port=${port}`]), /^shop\/in is in the mesh\n/);
  const refused = (argv: readonly string[], message: RegExp): Promise<unknown> => t.rejects(explain(argv), { name: 'UsageError', message });
  for (const pod of ['', 'web-0', 'a/b/c', 'A/b']) await refused(['--pod', pod], /^--pod takes a namespace and a name/);
  for (const bad of ['x', '0', '65536', '1.5']) await refused(['--pod', 'a/b', '--admin-port', bad], /^--admin-port takes a whole number/);
  await refused(['--pod', 'a/b', '--pod', 'a/c'], /^--pod is given twice$/);
  await refused(['--pod', 'a/b', '--address', '10.96.0.1:80'], /^explain takes one of --address, --pod$/);
  await refused(['--pod', 'a/b', '--path', '/'], /^--path means nothing to --pod$/);
  await refused(['--pod', 'a/b', '--jsn'], /jsn/);
});

t.test('the same for programs', async (t) => {
  const json = async (pod: string, body: unknown): Promise<unknown> => JSON.parse(await explain(['--pod', pod, '--json', '--admin-port', String(await daemon(t, body))]));
  const { manage, node, synced, troubles } = VIEW;
  t.same(await json('shop/in', VIEW), { asked: { pod: 'shop/in' }, manage, node, synced, troubles, pod: pod('in', IN) });
  t.same(await json('shop/none', VIEW), { asked: { pod: 'shop/none' }, manage, node, synced, troubles });
  t.same(await json('shop/in', { manage: 'all', off: '--manage all' }), { asked: { pod: 'shop/in' }, manage: 'all', off: '--manage all' });
});

t.test('what a pod is, and by which rule', async (t) => {
  const port = await daemon(t, VIEW);
  const told = (name: string): Promise<string> => explainPod({ pod: `shop/${name}`, port });
  t.equal(await told('in'), 'shop/in is in the mesh\nrule: pod_label: its own label says kmesh\nnetwork namespace: inode 4026532000, cookie 4711, told by kmesh-cni\nannotation kmesh.net/redirection: enabled\nconnections since: 3 steered, 2 passed, 1 refused\n');
  t.match(await told('late'), /^shop\/late belongs into the mesh and is not in it yet\nrule: namespace_label: .*\nnetwork namespace: not known/);
  t.match(await told('out'), /^shop\/out is not in the mesh\nrule: no_label: no label\n/);
  t.equal(await told('none'), 'shop/none is not known on node node-1\n');
});

t.test('what stands in the way is told, too', async (t) => {
  const trouble = { concerns: 'pods', code: 'KM_KUBE_REFUSED', reason: '403', remedy: 'the ClusterRole' };
  const port = await daemon(t, { ...VIEW, synced: false, pods: [], troubles: [trouble] });
  t.equal(await explainPod({ pod: 'shop/in', port }), 'shop/in is not known on node node-1: the API server has not told this daemon all pods yet\ntrouble with pods: KM_KUBE_REFUSED: 403; remedy: the ClusterRole\n');
  const all = await daemon(t, { manage: 'all', off: '--manage all' });
  t.equal(await explainPod({ pod: 'shop/in', port: all }), 'shop/in: labels decide nothing on this node: --manage all\n');
  await t.rejects(explainPod({ pod: 'shop/in', port: await daemon(t, {}, 500) }), { code: 'KM_DAEMON_AWAY', message: /: it answers 500$/ });
  await t.rejects(explainPod({ pod: 'shop/in', port: await daemon(t, { pods: [] }) }), { code: 'KM_DAEMON_AWAY' });
  await t.rejects(explainPod({ pod: 'shop/in', port: 1 }), { code: 'KM_DAEMON_AWAY', message: /^127\.0\.0\.1:1: / });
});

t.test("the summary is what the agent understands, and stays below what it reads, whatever runs on the node", async (t) => {
  t.equal(podsLine(podsStatus(JSON.stringify(podsSummary(VIEW)))!), '1 pods are in the mesh, 1 wait for their start, 1 are outside');
  t.same(podsStatus(JSON.stringify(podsSummary({ manage: 'all', off: 'all' }))), { manage: 'all', off: 'all' });
  const long = Array.from({ length: 4000 }, (_, i) => pod(`${'n'.repeat(240)}-${i}`, IN));
  const body = JSON.stringify(podsSummary({ ...VIEW, synced: false, pods: long, troubles: Array.from({ length: 50 }, () => ({ concerns: 'pods', code: 'KM_KUBE_UNREACHABLE', reason: 'x'.repeat(5000), remedy: 'r' })) }), undefined, 2);
  t.ok(body.length < 1 << 16, String(body.length));
  const status = podsStatus(body)!;
  t.match(status, { enrolled: 4000, synced: false });
  t.equal('off' in status ? 0 : status.more + status.pods.length, 4000);
  t.match(podsLine(status), /the API server has not told all of them yet$/);
  for (const odd of ['', '[]', '{"manage":"some"}']) t.equal(podsStatus(odd), undefined);
});
