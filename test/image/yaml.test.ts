// SPDX-License-Identifier: Apache-2.0
// kmesh.yaml against what it must hold together; without the schema of Kubernetes, each field that is there is known here.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { ROOT } from '../helpers/node.js';
import { shownKustomization } from '../kube/shownKustomization.js';
import { readKmeshYaml, withComponent } from './daemonSet.js';

const { documents, set, pod, container, role, binding, clusterRole, clusterBinding } = readKmeshYaml();

t.test('the parts fit each other', async (t) => {
  t.same(documents.map(({ kind }) => kind), ['Namespace', 'ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'DaemonSet']);
  t.equal(set.metadata.namespace, documents[0]?.metadata.name);
  t.same([pod.serviceAccountName, set.metadata.namespace], [documents[1]?.metadata.name, documents[1]?.metadata.namespace]);
  t.match(set.spec.template.metadata.labels, set.spec.selector.matchLabels);
  t.same(container.volumeMounts.map(({ name }) => name).sort(), pod.volumes.map(({ name }) => name).sort(), 'each volume is mounted, each mount has its volume');
  t.equal(new Set(container.volumeMounts.map(({ mountPath }) => mountPath)).size, container.volumeMounts.length);
  t.ok(pod.volumes.every(({ hostPath, projected, configMap }) => [hostPath, projected, configMap].filter(Boolean).length === 1));
});

t.test('in its own namespace the account may look at its own pod, DaemonSet and namespace, and do nothing else', async (t) => {
  const { rules } = role;
  t.same(rules, [{ apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get'] }, { apiGroups: ['apps'], resources: ['daemonsets'], verbs: ['get'] }]);
  t.match(binding, { roleRef: { kind: 'Role', name: role.metadata.name }, subjects: [{ kind: 'ServiceAccount', name: pod.serviceAccountName, namespace: set.metadata.namespace }] });
  t.same([role.metadata.namespace, binding.metadata.namespace], [set.metadata.namespace, set.metadata.namespace]);
  for (const name of ['POD_NAME', 'POD_NAMESPACE']) t.ok(container.env.some((one) => one.name === name), `${name} tells it which they are`);
});

t.test('in the cluster it may watch pods and namespaces, and annotate pods', async (t) => {
  t.same(clusterRole.rules, [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'patch'] }, { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] }]);
  t.match(clusterBinding, { roleRef: { name: clusterRole.metadata.name }, subjects: [{ name: pod.serviceAccountName, namespace: set.metadata.namespace }] });
  t.ok(container.env.some(({ name }) => name === 'NODE_NAME'), 'which it asks for by the name of the node');
});

t.test('no node keeps the pod waiting, and nothing is made but the state folder and the one of the socket', async (t) => {
  const hostPaths = pod.volumes.flatMap(({ hostPath }) => (hostPath === undefined ? [] : [hostPath]));
  t.same(hostPaths.filter(({ type }) => type === 'DirectoryOrCreate').map(({ path: one }) => one), ['/var/run/kmesh', '/var/lib/kmesh']);
  // What the Filesystem Hierarchy Standard and the kernel give every node.
  for (const { path: one } of hostPaths.filter(({ type }) => type === 'Directory')) t.ok(['/mnt', '/sys/fs/bpf', '/usr', '/lib', '/proc', '/etc', '/opt'].includes(one), one);
  t.ok(pod.volumes.find(({ configMap }) => configMap !== undefined)?.configMap?.optional);
});

t.test('probes: a compile has time, and liveness outlasts a busy node', async (t) => {
  const { startupProbe: startup, livenessProbe: live, readinessProbe: ready } = container;
  t.ok(startup.periodSeconds * startup.failureThreshold >= 30 * 60, 'make may take 10 minutes for the programs and 20 for the module');
  t.ok(live.periodSeconds * live.failureThreshold >= 60);
  t.same([startup, live, ready].map(({ httpGet }) => httpGet.path), ['/healthz/startup', '/healthz/live', '/healthz/ready']);
  for (const { httpGet } of [startup, live, ready]) t.ok(container.ports.some(({ containerPort }) => containerPort === httpGet.port));
});

t.test('a read-only place of the host is one the agent looks at', async (t) => {
  const places = container.volumeMounts.filter(({ mountPath, readOnly }) => mountPath.startsWith('/host/') && readOnly === true).map(({ mountPath, readOnly }) => ({ mountPath, readOnly }));
  t.same(places, ['/host/usr', '/host/lib', '/host/proc'].map((mountPath) => ({ mountPath, readOnly: true })));
});

t.test("the folders of CNI are where the agent looks for them, and the plugin's socket and log where it has them", async (t) => {
  const hostPath = (mountPath: string): string | undefined => pod.volumes.find(({ name }) => name === container.volumeMounts.find((one) => one.mountPath === mountPath && one.readOnly !== true)?.name)?.hostPath?.path;
  t.same([hostPath('/host/etc'), hostPath('/host/opt')], ['/etc', '/opt'], 'agent/cni/places.ts');
  const protocol = fs.readFileSync(path.join(ROOT, 'cni/protocol.h'), 'utf8');
  for (const name of ['KM_CNI_SOCKET', 'KM_CNI_LOG']) t.equal(path.dirname(new RegExp(`#define ${name} "(.*)"`).exec(protocol)?.[1] ?? ''), hostPath('/var/run/kmesh'), name);
});

t.test('the component of the old volumes adds mounts with their volumes', async (t) => {
  const { patches } = parse(fs.readFileSync(path.join(ROOT, 'deploy/classic/kustomization.yaml'), 'utf8')) as { patches: { target: object; patch: string }[] };
  t.same(patches.map(({ target }) => target), [{ kind: 'DaemonSet', name: set.metadata.name }]);
  const added = parse(patches[0]?.patch ?? '') as { op: string; path: string; value: { name: string; hostPath?: { type: string }; mountPath?: string } }[];
  const at = (end: string): string[] => added.filter(({ path: one }) => one.endsWith(`${end}/-`)).map(({ value }) => value.name);
  t.same(at('/volumes'), ['linux-bpf', 'ko-build-path']);
  t.same(at('/containers/0/volumeMounts'), at('/volumes'));
  t.ok(added.every(({ value }) => value.mountPath !== undefined || /^(File|Directory)$/.test(value.hostPath?.type ?? '')), 'nothing is made on a node');
});

t.test('the component with capabilities changes rights and volumes, and nothing else', async (t) => {
  const variant = withComponent('capabilities');
  t.equal(variant.container.securityContext.privileged, false);
  t.same(variant.container.volumeMounts.filter(({ mountPropagation }) => mountPropagation === 'Bidirectional'), [], 'which Kubernetes would refuse');
  t.ok(variant.pod.volumes.every(({ hostPath }) => hostPath === undefined || hostPath.type === 'Directory' || ['/var/lib/kmesh', '/var/run/kmesh'].includes(hostPath.path)), 'nothing more is made on a node');
  t.same(variant.container.volumeMounts.map(({ name }) => name).sort(), variant.pod.volumes.map(({ name }) => name).sort());
  const kept = ({ securityContext: _rights, volumeMounts: _mounts, ...rest }: typeof container): object => rest;
  t.same(kept(variant.container), kept(container));
});

t.test('the kustomization of the docs changes what it means to', async (t) => {
  const { shown, operation } = shownKustomization();
  const [, index] = /^\/spec\/template\/spec\/containers\/0\/env\/(\d+)\/value$/.exec(operation.path) ?? [];
  t.match(container.env[Number(index)], { name: 'XDS_ADDRESS', value: operation.value });
  t.equal(shown.images[0].name, container.image.split(':')[0]);
  t.equal(shown.patches[0].target.name, set.metadata.name);
});
