// SPDX-License-Identifier: Apache-2.0
/** Every request of test/vm/requests reaches the endpoint that the route table says, and so do those of each kind of client. */
import { routingEvents } from '../proof/daemon.js';
import { startBackends } from '../proof/backends.js';
import { CLIENT_KINDS, rawClient } from '../proof/clients.js';
import type { Checks, Context } from '../guest/scenario.js';
import { checkEveryCase } from '../proof/everyCase.js';
import { finish } from '../proof/programs.js';
import { clientRequest, complaint } from '../proof/requests.js';
import { KMESH_MODULE, startProof, type Proof } from '../proof/stage.js';
import type { Case, RequestTable } from '../requests/table.js';

export const name = 'clients';
export const limitSeconds = 900;
export const modules = KMESH_MODULE;

export async function run(t: Checks, context: Context): Promise<void> {
  const proof = await startProof(context);
  const backends = await startBackends(proof.mesh, context);
  try {
    await everyCase(t, proof, context);
    await bothArms(t, proof.table, context);
    for (const client of Object.keys(CLIENT_KINDS)) await aDozen(t, client, proof.table, context);
    await curlByItself(t);
    await fetchByItself(t);
  } finally {
    await backends.stop();
    await proof.agent.stop();
  }
}

/** All cases, and why those went to the default decision that did. */
async function everyCase(t: Checks, { table }: Proof, context: Context): Promise<void> {
  const before = await routingEvents();
  await checkEveryCase(t, table, context);
  const after = await routingEvents();
  const counted = Object.entries(after).map(([event, count]) => [event, count - (before[event] ?? 0)] as const);
  t.equal(Object.fromEntries(counted.filter(([, count]) => count > 0)), eventsOf(table.cases), 'the daemon counts each decision by its reason');
}

function eventsOf(cases: readonly Case[]): Record<string, number> {
  const events: Record<string, number> = {};
  for (const { default: reason = 'routed' } of cases) events[reason] = (events[reason] ?? 0) + 1;
  return events;
}

/** Weighted clusters: over 100 connections each arm is seen, and the one of weight 0 is not. */
async function bothArms(t: Checks, { cases }: RequestTable, { folder }: Context): Promise<void> {
  const weighted = cases.find(({ shows }) => shows.includes('weighted'))!;
  const outcomes = await rawClient(Array.from({ length: 100 }, () => clientRequest(weighted)), folder);
  const seen = new Set(outcomes.map(({ endpoint, error }) => endpoint ?? error));
  t.equal([...seen].sort(), ['canary-1', 'stable-1'], '100 connections to weighted clusters reach both');
}

async function aDozen(t: Checks, client: string, { cases }: RequestTable, { folder }: Context): Promise<void> {
  const dozen = cases.filter(({ clients }) => clients);
  const outcomes = new Map((await CLIENT_KINDS[client]!(dozen.map(clientRequest), folder)).map((outcome) => [outcome.name, outcome]));
  for (const one of dozen) {
    const problem = complaint(one, outcomes.get(one.name));
    t.ok(problem === undefined, `${client}: ${one.name}`, problem);
  }
}

/** What curl does beyond one plain request. */
async function curlByItself(t: Checks): Promise<void> {
  const curl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await finish('curl', ['-sS', '-g', '--noproxy', '*', '--max-time', '60', ...args]);
    return code === 0 ? stdout : `ended with ${code}: ${stderr}`;
  };
  t.match(await curl('-k', 'https://10.96.1.10:80/healthz'), /"endpoint":"fallback-/, 'curl: TLS takes the default decision and works');
  t.match(await curl('--http2-prior-knowledge', '-H', 'Host: shop.test', 'http://10.96.1.10:80/healthz'), /"endpoint":"fallback-/, 'curl: HTTP/2 takes the default decision and works');
  t.match(await curl('-H', 'Upgrade: h2c', '-H', 'Connection: Upgrade', '-H', 'Host: shop.test', 'http://10.96.1.10/healthz'), /"endpoint":"health-1"/, 'curl: an upgrade is routed by its head');
  const twice = await curl('-o', '/dev/null', '-o', '/dev/null', '-w', '%{http_code} %{num_connects} %{remote_ip}\n', ...['/healthz', '/files/b'].map((path) => `http://10.96.1.10${path}`));
  t.equal(twice, '200 1 10.96.1.10\n200 0 10.96.1.10\n', 'curl: a connection is used again, and its peer is the service address');
}

/** fetch() names the service by its URL only, and keeps connections for later requests to the same one. */
async function fetchByItself(t: Checks): Promise<void> {
  const answers = [];
  for (const url of ['http://10.96.1.10/files/a', 'http://[fd00:10:96:1::10]/healthz', 'http://10.96.1.20:8080/static/b']) {
    answers.push(((await (await fetch(url)).json()) as { endpoint: string }).endpoint);
  }
  t.equal(answers, ['files-1', 'health-1', 'static-1'], 'Node, fetch: services by their addresses');
}
