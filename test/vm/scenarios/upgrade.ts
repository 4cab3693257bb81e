// SPDX-License-Identifier: Apache-2.0
// Another build of kmesh.ko than the agent's is loaded and in use: it is exchanged without a connection lost; where something
// holds it, the agent names it, uses that build, and removes it when it can.
import type net from 'node:net';
import { Agent, startBackends } from '../guest/agent.js';
import { ask, connectSilently } from '../guest/heldConnections.js';
import type { Checks, Context } from '../guest/scenario.js';
import { linkToTracepoint } from '../guest/tracepointLink.js';
import { traces } from '../guest/traces.js';
import { buildId, counter, isLoaded, setParameter } from '../proof/module.js';
import { finish } from '../proof/programs.js';
import { KMESH_MODULE } from '../proof/stage.js';

export const name = 'upgrade';
export const limitSeconds = 900;
export const modules = { ...KMESH_MODULE, other: { folder: 'kernel', variables: { KMESH_INCLUDE: 'bpf/include', KMESH_VERSION: 'other' } } };

/** The samples' HTTP service: /canary is v2's, all else v1's. */
const SERVICE = { address: '10.96.0.11', port: 8080, host: 'web.sample' };
const CONNECTIONS = 20;
/** Long enough that only the module's removal ends the wait of a silent connection. */
const FALLBACK_MS = 60_000;

export async function run(t: Checks, context: Context): Promise<void> {
  const before = traces();
  const stopBackends = await startBackends(context);
  await context.sh('insmod', context.modules['other']!);
  const other = buildId();

  const first = await start(context, 'kmesh');
  const own = buildId();
  t.ok(own !== other, 'a build that somebody else loaded is exchanged for the own one', { own, other });
  t.equal(await canary(), 'v2', 'which routes requests');
  await first.stop();
  t.ok(isLoaded(), 'told to keep, the agent leaves it in the kernel');

  await inUse(t, context, own);
  await held(t, context);
  stopBackends();
  t.equal(traces(), before, 'in the end nothing is left');
}

/** Exchanged while it holds connections back. */
async function inUse(t: Checks, context: Context, own: string): Promise<void> {
  setParameter('fallback_ms', FALLBACK_MS);
  const silent = await connectSilently(CONNECTIONS, SERVICE.address, SERVICE.port);
  t.equal(counter('deferred'), CONNECTIONS, `${CONNECTIONS} connections are held back`);
  const second = await start(context, 'other');
  t.ok(buildId() !== own, 'the module is exchanged all the same');
  t.match(second.messages(), new RegExp(`kmesh\\.ko held back ${CONNECTIONS} connections, now 0`), 'after they went on');
  t.equal(await answersOf(silent), ['v1-a', 'v1-b'], 'to where the default decision leads, and none of them is lost');
  t.equal(await canary(), 'v2', 'new ones are routed');
  await second.stop();
}

/** Not exchanged while another program holds a link to its tracepoint. */
async function held(t: Checks, context: Context): Promise<void> {
  const there = buildId();
  const release = linkToTracepoint('kmesh_request');
  const third = await start(context, 'kmesh');
  t.match(third.messages(), /^KM_MODULE_IN_USE: kmesh is in use: references: 1$/m, 'what holds the module is named');
  t.equal(buildId(), there, 'the build that is loaded is used');
  t.equal(await canary(), 'v2', 'and routes requests');
  await third.stop();

  const cleanup = [`${context.project}/agent.js`, 'cleanup', '--log-format', 'pretty'];
  const refused = await finish(process.execPath, cleanup);
  t.equal(refused.code, 13, 'cleanup cannot remove it either');
  t.match(refused.stdout, new RegExp(`links to its tracepoint held open by pid ${process.pid} `), 'and names the process that holds it');
  t.ok(isLoaded(), 'it is still there');
  release();
  const done = await finish(process.execPath, cleanup);
  t.equal(done.code, 0, 'once nothing holds it, cleanup removes it');
}

/** An agent that leaves all in place when it stops. */
async function start(context: Context, module: 'kmesh' | 'other'): Promise<Agent> {
  const agent = await Agent.start(context, { args: ['--require', 'l7', '--on-stop', 'keep', '--module', context.modules[module]!] });
  await agent.ready();
  return agent;
}

async function canary(): Promise<string> {
  const [socket] = await connectSilently(1, SERVICE.address, SERVICE.port);
  return ask(socket!, '/canary', SERVICE.host);
}

/** The distinct answers to a request on each connection. */
async function answersOf(sockets: readonly net.Socket[]): Promise<string[]> {
  const answers = await Promise.all(sockets.map((socket) => ask(socket, '/canary', SERVICE.host)));
  return [...new Set(answers)].sort();
}
