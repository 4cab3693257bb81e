// SPDX-License-Identifier: Apache-2.0
import http from 'node:http';
import { once } from 'node:events';
import * as z from 'zod';
import { DaemonError, messageOf } from '../errors.js';

const MOST_BYTES = 16 << 20;

const counters = z.object({ steered: z.number(), passed: z.number(), refused: z.number() });
const view = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  enrolled: z.boolean(),
  inMesh: z.boolean(),
  rule: z.string(),
  why: z.string(),
  annotated: z.boolean(),
  netns: z.object({ inode: z.number(), cookie: z.string(), toldBy: z.string() }).optional(),
  connections: counters.optional(),
});
const page = z.union([
  z.object({ manage: z.string(), off: z.string() }),
  z.object({ manage: z.literal('labelled'), node: z.string(), synced: z.boolean(), troubles: z.array(z.object({ concerns: z.string(), code: z.string(), reason: z.string(), remedy: z.string() })), pods: z.array(view) }),
]);

type Page = z.infer<typeof page>;
type Pod = z.infer<typeof view>;

/** Asks the running daemon. @throws DaemonError KM_DAEMON_AWAY */
export async function askPods(port: number): Promise<Page> {
  try {
    return page.parse(JSON.parse(await get(port, '/pods')));
  } catch (error) {
    throw new DaemonError('KM_DAEMON_AWAY', `127.0.0.1:${port}: ${messageOf(error)}`, { cause: error });
  }
}

async function get(port: number, path: string): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false, signal: AbortSignal.timeout(5000) });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
    body += part;
    if (body.length > MOST_BYTES) throw new Error('its answer has no end');
  }
  if (response.statusCode !== 200) throw new Error(`it answers ${response.statusCode}`);
  return body;
}

/** What there is to say of a pod, a line a fact. */
export function story(pod: string, found: Page): string {
  if ('off' in found) return `${pod}: labels decide nothing on this node: ${found.off}\n`;
  const { node, synced, troubles, pods } = found;
  const known = podOf(pods, pod);
  const lines = known === undefined ? [`${pod} is not known on node ${node}${synced ? '' : ': the API server has not told this daemon all pods yet'}`] : podLines(pod, known);
  return [...lines, ...troubles.map(({ concerns, code, reason, remedy }) => `trouble with ${concerns}: ${code}: ${reason}; remedy: ${remedy}`), ''].join('\n');
}

/** The same for programs: `pod` is missing when it is not known, all but `asked`, `manage` and `off` where labels decide nothing. */
export function podJson(pod: string, found: Page): object {
  const asked = { pod };
  return 'off' in found ? { asked, ...found } : { asked, ...found, pods: undefined, pod: podOf(found.pods, pod) };
}

const podOf = (pods: readonly Pod[], pod: string): Pod | undefined => pods.find(({ namespace, name }) => `${namespace}/${name}` === pod);

function podLines(pod: string, { enrolled, inMesh, rule, why, annotated, netns, connections }: Pod): string[] {
  const state = enrolled ? 'is in the mesh' : inMesh ? 'belongs into the mesh and is not in it yet' : 'is not in the mesh';
  return [
    `${pod} ${state}`,
    `rule: ${rule}: ${why}`,
    netns === undefined ? 'network namespace: not known; kmesh-cni has not told it, and no process of the pod was found' : `network namespace: inode ${netns.inode}, cookie ${netns.cookie}, told by ${netns.toldBy === 'cni' ? 'kmesh-cni' : 'a process of the pod'}`,
    `annotation kmesh.net/redirection: ${annotated ? 'enabled' : 'not there'}`,
    ...(connections === undefined ? [] : [`connections since: ${connections.steered} steered, ${connections.passed} passed, ${connections.refused} refused`]),
  ];
}
