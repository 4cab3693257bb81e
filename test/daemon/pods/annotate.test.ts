// SPDX-License-Identifier: Apache-2.0
// A node that leaves the mesh takes the annotation from its pods, as far as the API server lets it, and within its time.
import t from 'tap';
import { KubeClient } from '../../../daemon/kube/client.js';
import { releaseAnnotations, type Released } from '../../../daemon/pods/annotate.js';
import { temporaryFolder } from '../../helpers/bpfObject.js';
import { KubeApi, type KubeObject } from '../../helpers/kubeApi.js';

const REDIRECTION = 'kmesh.net/redirection';

const pod = (name: string, nodeName: string, annotations: Record<string, string>): KubeObject => ({ kind: 'Pod', metadata: { name, namespace: 'shop', uid: `u-${name}`, annotations }, spec: { nodeName }, status: { phase: 'Running' } });

interface Node {
  readonly api: KubeApi;
  release(deadlineMs?: number): Promise<Released>;
  annotations(name: string): Record<string, string> | undefined;
}

async function node(t: { teardown(work: () => unknown): void }, pods: readonly string[]): Promise<Node> {
  const api = await KubeApi.start(temporaryFolder());
  const client = new KubeClient({ server: undefined, kubeconfig: undefined, account: api.account, env: api.env });
  t.teardown(() => {
    client.close();
    return api.goAway();
  });
  for (const name of pods) api.put(pod(name, 'node-1', { [REDIRECTION]: 'enabled', other: 'kept' }));
  return { api, release: (deadlineMs = 5000) => releaseAnnotations(client, 'node-1', deadlineMs), annotations: (name) => api.get('Pod', name, 'shop')?.metadata.annotations };
}

const NAMES = Array.from({ length: 25 }, (_, i) => `web-${i}`);

t.test('every pod of the node, page by page, and nobody else', async (t) => {
  const { api, release, annotations } = await node(t, NAMES);
  api.pageSize = 10;
  api.put(pod('elsewhere', 'node-2', { [REDIRECTION]: 'enabled' }));
  api.put(pod('plain', 'node-1', { other: 'kept' }));
  t.same(await release(), { removed: 25, failure: undefined });
  for (const name of [...NAMES, 'plain']) t.same(annotations(name), { other: 'kept' }, name);
  t.same(annotations('elsewhere'), { [REDIRECTION]: 'enabled' });
  t.equal(api.requests.filter((line) => line.startsWith('PATCH')).length, 25);
  t.same(await release(), { removed: 0, failure: undefined }, 'again: there is nothing to do');
});

t.test('one that cannot be changed does not keep the others', async (t) => {
  const { api, release, annotations } = await node(t, NAMES);
  api.faults.set('PATCH /api/v1/namespaces/shop/pods/web-24', 500);
  api.faults.set('PATCH /api/v1/namespaces/shop/pods/web-23', 404);
  t.match(await release(), { removed: 23, failure: { code: 'KM_KUBE_UNREACHABLE', message: /pods\/web-24: the API server answers 500/ } });
  t.same(annotations('web-0'), { other: 'kept' });
});

t.test('its account is gone already', async (t) => {
  const { api, release } = await node(t, NAMES);
  api.faults.set('GET', 403);
  t.match(await release(), { removed: 0, failure: { code: 'KM_KUBE_REFUSED' } });
});

t.test('nobody answers: it ends at its deadline', async (t) => {
  const { api, release } = await node(t, NAMES);
  const began = performance.now();
  api.faults.set('PATCH', 'silence');
  t.match(await release(300), { removed: 0, failure: { code: 'KM_KUBE_UNREACHABLE' } });
  api.faults.set('GET', 'silence');
  t.match(await release(300), { removed: 0, failure: { code: 'KM_KUBE_UNREACHABLE' } });
  t.ok(performance.now() - began < 5000);
});
