// SPDX-License-Identifier: Apache-2.0
// What is wrong in a cluster is told by name: where a user looks, and without anything left on the node.
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { readKmeshYaml } from '../image/daemonSet.js';
import { anyPod, ask, type Deployment, describe, isReady, logs, NAMESPACE, pods, remove, rolledOut, writeKustomization } from './kmesh.js';
import { get, kubectl, until } from './kubectl.js';
import { deployWorkloads, nodeState, removeWorkloads } from './workloads.js';

t.teardown(() => removeWorkloads());
deployWorkloads(temporaryFolder(t));
const before = nodeState();

function apply(t: Test, deployment: Deployment): void {
  const folder = temporaryFolder(t);
  t.teardown(() => remove());
  writeKustomization(folder, deployment);
  kubectl('apply', '--kustomize', folder);
}

interface Ready {
  readonly ready: boolean;
  readonly code?: string;
  readonly reason?: string;
}

/** Not ready, with the code in the log and at the readiness probe's own page. */
async function refused(t: Test, deployment: Deployment, code: string, reason: RegExp): Promise<void> {
  apply(t, deployment);
  const { name } = (await anyPod()).metadata;
  const log = await until(`${code} in the log`, 120, () => {
    const text = attempt(() => logs(name));
    return text?.includes(code) ? text : undefined;
  }, () => describe(name));
  t.match(log, reason);
  t.notOk(pods().some(isReady), 'not ready');
  const answer = await until('the readiness page names it', 60, () => {
    const found = ask<{ ready: Ready }>(name, 15021, '/status').ready;
    return found.code === code ? found : undefined;
  }, () => JSON.stringify(ask(name, 15021, '/status')));
  t.match(answer, { ready: false, code, reason });
  remove();
  t.same(nodeState(), before, 'nothing is left on the node');
}

/** undefined: not yet, the container is being created. */
function attempt(work: () => string): string | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

t.test('a control plane that is not there', async (t) => {
  await refused(t, { xdsAddress: 'istiod.no-such-namespace.svc:15012' }, 'KM_XDS_UNREACHABLE', /istiod\.no-such-namespace\.svc:15012/);
});

t.test('a token for somebody else', async (t) => {
  const index = readKmeshYaml().pod.volumes.findIndex(({ projected }) => projected !== undefined);
  const path = `/spec/template/spec/volumes/${index}/projected/sources/0/serviceAccountToken/audience`;
  await refused(t, { changes: [{ op: 'replace', path, value: 'somebody-else' }] }, 'KM_XDS_TOKEN_REFUSED', /refused the token/);
});

t.test('without its ServiceAccount there is no pod, and the DaemonSet says why', async (t) => {
  apply(t, { patches: [{ patch: '{ $patch: delete, apiVersion: v1, kind: ServiceAccount, metadata: { name: kmesh, namespace: kmesh-system } }' }] });
  const selector = ['--namespace', NAMESPACE, '--field-selector', 'involvedObject.kind=DaemonSet,reason=FailedCreate'];
  const said = await until('an event of the DaemonSet', 60, () => get<{ items: { message: string }[] }>('events', ...selector).items[0]?.message);
  t.match(said, /serviceaccount "kmesh" not found/);
  t.same(pods(), []);
  // With it, all is well.
  apply(t, {});
  await rolledOut();
  remove();
  t.same(nodeState(), before);
});
