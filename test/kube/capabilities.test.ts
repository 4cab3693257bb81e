// SPDX-License-Identifier: Apache-2.0
// The DaemonSet with deploy/capabilities instead of `privileged`, on a node as it asks for: nothing that pods see is different.
import t from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { withComponent } from '../image/daemonSet.js';
import { anyPod, ask, NAMESPACE, remove, rolledOut, writeKustomization } from './kmesh.js';
import { get, kubectl } from './kubectl.js';
import { grantable, OWN } from './ownNode.js';
import { becomes, deployPods, firstConnections, MODE, reaches } from './podsStage.js';
import { connect, nodeState, serving } from './workloads.js';

const IN = { [MODE]: 'kmesh' };
const folder = temporaryFolder(t);
const { service: SERVICE, before, outside } = deployPods(t, IN);

t.test('Ready by its own probes, without privileges', async (t) => {
  const { securityContext } = withComponent('capabilities').container;
  const wanted = securityContext.privileged ? [] : securityContext.capabilities.add;
  const changes = OWN ? [{ op: 'replace' as const, path: '/spec/template/spec/containers/0/securityContext/capabilities/add', value: grantable(wanted) }] : [];
  writeKustomization(folder, { components: ['capabilities'], changes });
  kubectl('apply', '--kustomize', folder);
  await rolledOut();
  const { name } = (await anyPod()).metadata;
  const { spec } = get<{ spec: { containers: { securityContext: { privileged: boolean; capabilities: { add: string[] } } }[] } }>('pod', name, '--namespace', NAMESPACE);
  t.match(spec.containers[0]?.securityContext, { privileged: false, capabilities: { drop: ['ALL'] } });
  t.same(ask<{ ready: object }>(name, 15021, '/status').ready, { ready: true, stale: false });
});

t.test('pods are taken in by labels, from their first connection', async (t) => {
  t.notSame(nodeState().cniConf, before.cniConf, 'kmesh-cni is in the chain');
  t.ok((await becomes('earlier', true, 'pod_label')).enrolled, 'one that ran before');
  t.same(SERVICE.map((address) => reaches('earlier', address)), SERVICE.map(() => true));
  const { reached, missed } = await firstConnections('first', 20, 10, IN, SERVICE);
  t.same([reached, missed], [20, []]);
  await becomes('bare', false, 'no_label');
  t.same(SERVICE.map((address) => reaches('bare', address)), outside);
  for (const address of SERVICE) {
    const { pods: answered, errors } = connect(address, 100);
    t.same([Object.keys(answered).sort(), errors], [serving('v1'), {}], address);
  }
});

t.test('deleted, the node is as it was', async (t) => {
  remove('--kustomize', folder);
  t.same(nodeState(), before);
});
