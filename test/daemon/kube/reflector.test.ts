// SPDX-License-Identifier: Apache-2.0
// How the daemon keeps up with the API server: over https, with a server that cuts, forgets, refuses and goes away.
import t from 'tap';
import { KubeClient } from '../../../daemon/kube/client.js';
import type { KubeError } from '../../../daemon/kube/errors.js';
import { Reflector, type Listener } from '../../../daemon/kube/reflector.js';
import { temporaryFolder } from '../../helpers/bpfObject.js';
import { KubeApi, type KubeObject } from '../../helpers/kubeApi.js';

const pod = (name: string, nodeName = 'node-1', labels: Record<string, string> = {}): KubeObject => ({ kind: 'Pod', metadata: { name, namespace: 'shop', uid: `u-${name}`, labels }, spec: { nodeName } });

type Told = readonly [what: 'replace' | 'set' | 'delete', names: readonly string[]];

/** What a listener was told, one by one. */
class Heard implements Listener {
  readonly troubles: (KubeError | undefined)[] = [];
  readonly #told: Told[] = [];
  #wake: () => void = () => {};

  replace(objects: readonly unknown[]): void {
    this.#hear('replace', objects.map(nameOf).sort());
  }

  set(object: unknown): void {
    this.#hear('set', [nameOf(object)]);
  }

  delete(object: unknown): void {
    this.#hear('delete', [nameOf(object)]);
  }

  trouble(error: KubeError | undefined): void {
    this.troubles.push(error);
    this.#wake();
  }

  #hear(what: Told[0], names: readonly string[]): void {
    this.#told.push([what, names]);
    this.#wake();
  }

  async next(): Promise<Told> {
    while (this.#told.length === 0) await this.#change();
    return this.#told.shift()!;
  }

  async untilTrouble(holds: (error: KubeError | undefined) => boolean): Promise<KubeError | undefined> {
    for (;;) {
      const found = this.troubles.findIndex(holds);
      if (found >= 0) return this.troubles.splice(0, found + 1).at(-1);
      await this.#change();
    }
  }

  get rest(): readonly Told[] {
    return this.#told;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

const nameOf = (object: unknown): string => (object as KubeObject).metadata.name;

interface Stage {
  readonly api: KubeApi;
  readonly heard: Heard;
  readonly reflector: Reflector;
}

async function stage(t: { teardown(work: () => unknown): void }, prepare: (api: KubeApi) => void = () => {}): Promise<Stage> {
  const api = await KubeApi.start(temporaryFolder());
  prepare(api);
  const client = new KubeClient({ server: undefined, kubeconfig: undefined, account: api.account, env: api.env });
  const heard = new Heard();
  // No chance in the waits between two tries: the shortest ones.
  const reflector = new Reflector(client, '/api/v1/pods', { fieldSelector: 'spec.nodeName=node-1' }, heard, () => 0);
  t.teardown(async () => {
    await reflector.stop();
    client.close();
    await api.goAway();
  });
  reflector.start();
  return { api, heard, reflector };
}

t.test('a list in pages, then each change of this node, and nothing of others', async (t) => {
  const { api, heard } = await stage(t, (api) => {
    api.pageSize = 2;
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.put(pod(name));
    api.put(pod('x', 'node-2'));
  });
  t.same(await heard.next(), ['replace', ['a', 'b', 'c', 'd', 'e']]);
  api.put(pod('y', 'node-2'));
  api.put(pod('f'));
  t.same(await heard.next(), ['set', ['f']]);
  api.put(pod('a', 'node-1', { changed: 'yes' }));
  t.same(await heard.next(), ['set', ['a']]);
  api.remove('Pod', 'b', 'shop');
  t.same(await heard.next(), ['delete', ['b']]);
  t.equal(api.requests.filter((one) => !one.includes('watch=1')).length, 3, 'three pages');
  t.ok(api.requests.every((one) => one.includes('fieldSelector=spec.nodeName%3Dnode-1')), 'the server selects');
  t.ok(api.requests.filter((one) => one.includes('watch=1')).every((one) => /allowWatchBookmarks=true/.test(one) && /timeoutSeconds=240/.test(one)));
});

t.test('a stream that breaks off goes on where it was, by a bookmark also over what was forgotten', async (t) => {
  const { api, heard } = await stage(t, (api) => api.put(pod('a')));
  t.same(await heard.next(), ['replace', ['a']]);
  await api.until(() => api.watches === 1);
  api.put(pod('b'));
  t.same(await heard.next(), ['set', ['b']]);
  api.cut();
  await api.until(() => api.watches === 0);
  api.put(pod('c'));
  t.same(await heard.next(), ['set', ['c']], 'told while nobody listened');
  await api.until(() => api.watches === 1);
  api.bookmark();
  // Behind the bookmark in the same stream, so that it was read when this is.
  api.tell(`${JSON.stringify({ type: 'MODIFIED', object: { ...pod('c'), metadata: { ...pod('c').metadata, resourceVersion: '999' } } })}\n`);
  t.same(await heard.next(), ['set', ['c']]);
  api.cut();
  await api.until(() => api.watches === 0);
  await api.until(() => api.watches === 1);
  t.match(api.requests.at(-1), /resourceVersion=999/);
  t.equal(api.requests.filter((one) => !one.includes('watch=1')).length, 1, 'listed once');
});

t.test('a server that has forgotten where the watch was is listed anew', async (t) => {
  const { api, heard } = await stage(t, (api) => api.put(pod('a')));
  t.same(await heard.next(), ['replace', ['a']]);
  await api.until(() => api.watches === 1);
  await api.goAway();
  api.put(pod('b'));
  api.remove('Pod', 'a', 'shop');
  api.compact();
  await api.listen();
  t.same(await heard.next(), ['replace', ['b']]);
  t.notOk(heard.troubles.some((error) => error?.code === 'KM_KUBE_REFUSED'));
});

t.test('410 to the request itself, and in the middle of a list', async (t) => {
  const { api, heard } = await stage(t, (api) => {
    api.pageSize = 1;
    for (const name of ['a', 'b']) api.put(pod(name));
    api.faults.set('GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500&continue', 410);
  });
  await api.until(() => api.requests.length === 2);
  api.faults.clear();
  t.same(await heard.next(), ['replace', ['a', 'b']], 'begun again');
  await api.until(() => api.watches === 1);
  api.faults.set('GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&watch', 410);
  api.cut();
  t.same(await heard.next(), ['replace', ['a', 'b']]);
});

t.test('a watch that is refused for what it asks is told and listed anew, not asked for the same again', async (t) => {
  const { api, heard } = await stage(t, (api) => api.put(pod('a')));
  t.same(await heard.next(), ['replace', ['a']]);
  await api.until(() => api.watches === 1);
  api.faults.set('GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&watch', 400);
  api.cut();
  t.match(await heard.untilTrouble((error) => error !== undefined), { message: /400/ });
  api.faults.clear();
  t.same(await heard.next(), ['replace', ['a']]);
  const tell = (code: number) => api.tell(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code, reason: 'x', message: 'x' } })}\n`);
  await api.until(() => api.watches === 1);
  tell(400);
  t.same(await heard.next(), ['replace', ['a']]);
  await api.until(() => api.watches === 1);
  const lists = () => api.requests.filter((one) => !one.includes('watch=1')).length;
  const before = lists();
  for (const code of [429, 500]) {
    tell(code);
    await api.until(() => api.watches === 0);
    await api.until(() => api.watches === 1);
  }
  t.equal(lists(), before, 'a server that is busy or broken for a moment has not forgotten anything');
});

t.test('a list that fails behind its first page is begun again', async (t) => {
  const { api, heard } = await stage(t, (api) => {
    api.pageSize = 1;
    for (const name of ['a', 'b']) api.put(pod(name));
    api.faults.set('GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500&continue', 500);
  });
  t.match(await heard.untilTrouble((error) => error !== undefined), { code: 'KM_KUBE_UNREACHABLE', message: /500/ });
  api.faults.clear();
  t.same(await heard.next(), ['replace', ['a', 'b']], 'what is watched was listed as a whole before');
});

t.test('the token of the moment counts', async (t) => {
  const { api, heard } = await stage(t, (api) => api.put(pod('a')));
  t.same(await heard.next(), ['replace', ['a']]);
  await api.until(() => api.watches === 1);
  api.token = 'second.token';
  api.cut();
  t.match(await heard.untilTrouble((error) => error !== undefined), { code: 'KM_KUBE_REFUSED', message: /401/ });
  api.writeToken();
  api.put(pod('b'));
  t.same(await heard.next(), ['set', ['b']], 'what was known stays, and goes on');
  await heard.untilTrouble((error) => error === undefined);
});

t.test('what is wrong has a code, and no secret', async (t) => {
  const { api, heard } = await stage(t, (api) => api.faults.set('GET /api/v1/pods', 403));
  t.match(await heard.untilTrouble((error) => error !== undefined), { code: 'KM_KUBE_REFUSED', message: '/api/v1/pods: the API server answers 403 (a fault of the test)' });
  for (const [fault, expected] of [[500, /answers 500/], ['hang up', /socket hang up|ECONNRESET/]] as const) {
    api.faults.set('GET /api/v1/pods', fault);
    t.match(await heard.untilTrouble((error) => error?.code === 'KM_KUBE_UNREACHABLE'), { message: expected });
  }
  api.faults.clear();
  api.writeToken('no token\nat all');
  const trouble = await heard.untilTrouble((error) => error?.code === 'KM_KUBE_ACCOUNT');
  t.match(trouble, { message: 'the file of the token holds no token' });
  api.writeToken();
  t.same(await heard.next(), ['replace', []]);
});

t.test('what is no event ends the watch and is told', async (t) => {
  const { api, heard } = await stage(t);
  t.same(await heard.next(), ['replace', []]);
  for (const text of ['nonsense\n', '{"type":"ADDED"}\n', `${'x'.repeat((4 << 20) + 1)}`]) {
    await api.until(() => api.watches === 1);
    api.tell(text);
    t.match(await heard.untilTrouble((error) => error !== undefined), { code: 'KM_KUBE_UNREACHABLE' });
    await api.until(() => api.watches === 0);
  }
  t.same(heard.rest, []);
});

t.test('stopping ends a watch and a wait', async (t) => {
  const { api, heard, reflector } = await stage(t);
  await heard.next();
  await api.until(() => api.watches === 1);
  await reflector.stop();
  await api.until(() => api.watches === 0);
  const asked = api.requests.length;
  await reflector.stop();
  t.equal(api.requests.length, asked);
});

t.test('stopping ends a list, also one without an answer, and begins no watch', async (t) => {
  for (const fault of [undefined, 'silence'] as const) {
    const { api, reflector } = await stage(t, (api) => void (fault === undefined || api.faults.set('GET /api/v1/pods', fault)));
    await api.until(() => api.requests.length === 1);
    const began = performance.now();
    await reflector.stop();
    t.ok(performance.now() - began < 10_000, `${fault ?? 'an answer'}: within the grace of a stop`);
    t.notOk(api.requests.some((one) => one.includes('watch=1')));
  }
});
