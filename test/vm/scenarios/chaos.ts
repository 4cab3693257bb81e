// SPDX-License-Identifier: Apache-2.0
/**
 * Requests on 64 connections while the module, the daemon and the routes change underneath: none may fail. Each is answered by
 * an endpoint that a route of the time leads to, or, while there is no module, by the default decision's.
 */
import type { Agent } from '../guest/agent.js';
import type { Checks, Context } from '../guest/scenario.js';
import { startBackends, startFastBackends } from '../proof/backends.js';
import { Changes, GUEST, SECOND_FILES } from '../proof/changes.js';
import { daemonPid, outcomes, routes } from '../proof/daemon.js';
import { checkEveryCase } from '../proof/everyCase.js';
import { Load, type LoadResult, type Target } from '../proof/load.js';
import type { ProofMesh } from '../proof/mesh.js';
import { buildId, counter, isLoaded, remove, until } from '../proof/module.js';
import { KMESH_MODULE, prepareMesh, startAgent } from '../proof/stage.js';

export const name = 'chaos';
export const limitSeconds = 1800;
export const alone = true;
export const modules = { ...KMESH_MODULE, other: { folder: 'kernel', variables: { KMESH_INCLUDE: 'bpf/include', KMESH_VERSION: 'other' } } };

const CONNECTIONS = 64;
const REQUESTS = 10_000;
/** A second, over all connections. */
const RATE = 100;
const CYCLES = 100;
/** Of so many cycles the last is an upgrade by a new agent, which drains the module and exchanges it; in two others the daemon is killed. */
const PERIOD = 10;
/** On the debug kernel the daemon comes back to a module late, and each start of a daemon takes minutes: the verifier runs under KASAN and lockdep, all of it under emulation. */
const DEBUG_PERIOD = 50;
const KILL_AT = [2, 6];
/** An agent leaves everything in place when it stops, and the next one finds it. */
const KEEP = ['--on-stop', 'keep'];
/** For the daemon to come back and to attach to a module. */
const ROUTES_AGAIN_MS = 120_000;
const SHOWN_FAILURES = 20;

export async function run(t: Checks, context: Context): Promise<void> {
  const { table, mesh } = await prepareMesh(context);
  const endpoints = await startFastBackends();
  let agent = await startAgent(context, mesh, context.modules['kmesh'], KEEP);
  const changes = new Changes(mesh, table.mesh.get('routes.yaml')!);
  const load = new Load(context.folder, targetsOf(mesh), ['-c', String(CONNECTIONS), '-n', String(REQUESTS), '-k', '1,20', '-w', '50', '-s', '-r', String(RATE / context.slowness)]);
  changes.start();
  try {
    agent = await cycles(t, context, agent, mesh, load);
  } finally {
    await changes.stop();
  }
  await judge(t, context, mesh, await load.finish());
  t.ok(changes.rounds > 0, 'routes, endpoints and clusters came and went', changes.rounds);
  t.note(`${changes.rounds} rounds of changes`);

  await until('requests are routed again', ROUTES_AGAIN_MS * context.slowness, routes);
  await endpoints.stop();
  const backends = await startBackends(mesh, context);
  await checkEveryCase(t, table, context, 'afterwards');
  await backends.stop();
  t.equal([counter('deferred'), counter('armed')], [0, 0], 'no connection is held back for ever');
  t.equal(await agent.stop(), 0, 'the agent ends with 0');
  t.ok(!isLoaded(), 'and takes the module with it');
}

/** @returns the agent of the last upgrade. */
async function cycles(t: Checks, context: Context, first: Agent, mesh: ProofMesh, load: Load): Promise<Agent> {
  let agent = first;
  let builds: readonly ['kmesh' | 'other', 'kmesh' | 'other'] = ['kmesh', 'other'];
  let upgrades = 0;
  const period = context.kernel === 'debug' ? DEBUG_PERIOD : PERIOD;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    if (cycle % period === period - 1) {
      const before = buildId();
      await agent.stop();
      agent = await startAgent(context, mesh, context.modules[builds[1]], cycle + period > CYCLES ? [] : KEEP);
      if (buildId() !== before) upgrades++;
      builds = [builds[1], builds[0]];
    } else {
      await remove(context);
      await context.sh('insmod', context.modules[builds[0]]!);
      if (KILL_AT.includes(cycle % period)) killDaemon();
      // The others go on while the daemon has not come yet, or is about to attach.
      if (cycle % 2 === 0) await until('requests are routed again', ROUTES_AGAIN_MS * context.slowness, routes);
    }
    if (cycle % 10 === 9) t.note(`${cycle + 1} cycles, ${load.failures} failed requests`);
  }
  t.equal(upgrades, CYCLES / period, `${CYCLES} times removed and inserted, of these ${CYCLES / period} upgrades to another build`);
  return agent;
}

function killDaemon(): void {
  const pid = daemonPid();
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

async function judge(t: Checks, { kernel }: Context, mesh: ProofMesh, { summary, failed }: LoadResult): Promise<void> {
  t.equal(summary.failures, 0, `no request of ${summary.requests} on ${summary.connections} connections fails`);
  for (const line of failed.slice(0, SHOWN_FAILURES)) t.note(line);
  if (failed.length > 0) t.note(JSON.stringify(await outcomes()));
  t.ok(summary.requests >= REQUESTS, `at least ${REQUESTS} requests`, summary.requests);
  const defaults = new Set(mesh.addressesOf(['fallback', 'web', 'any']));
  const byDefault = Object.entries(summary.answers).reduce((sum, [address, count]) => sum + (defaults.has(address) ? count : 0), 0);
  t.ok(byDefault > 0, 'while the module is away, the default decision answers');
  t.ok(summary.requests - byDefault > summary.requests / (kernel === 'debug' ? 10 : 4), 'while it is there, requests are routed by their heads', summary.answers);
  t.note(`${summary.requests} requests in ${summary.seconds} s, ${byDefault} by the default decision; p99 ${(summary.p99_us / 1000).toFixed(0)} ms`);
}

/** Requests of every listener and both families, and the endpoints that routes and defaults lead them to at some time. */
function targetsOf(mesh: ProofMesh): Target[] {
  const to = (address: string, port: number, host: string, path: string, clusters: readonly string[], more: readonly string[] = []): Target => ({
    ...{ address, port, host, path },
    allowed: [...mesh.addressesOf(clusters), ...more],
  });
  return [
    to('10.96.1.10', 80, 'shop.test', '/healthz', ['health', 'fallback'], GUEST.addresses),
    to('fd00:10:96:1::10', 80, 'shop.test', '/files/a', ['files', 'fallback'], SECOND_FILES.addresses),
    to('10.96.1.10', 80, 'shop.test', '/guest', ['shop', 'fallback'], GUEST.addresses),
    to('::ffff:10.96.1.10', 80, 'shop.test', '/api/v2/x', ['api-v2', 'fallback']),
    to('10.96.1.11', 80, 'shop.test:80', '/split/x', ['stable', 'canary', 'fallback']),
    to('10.96.1.11', 80, 'query.test', '/search?lang=en&q=1', ['both', 'fallback']),
    to('fd00:10:96:1::10', 80, 'headers.test', '/plain', ['plain', 'fallback']),
    to('10.96.1.20', 8080, 'web.test', '/static/a', ['static', 'web']),
    to('fd00:10:96:1::20', 8080, 'port.test:8080', '/', ['ported', 'web']),
    to('10.96.1.30', 9080, 'two.names.test', '/', ['ends', 'any']),
    to('fd00:10:96:1::30', 9080, 'a.deep.names.test', '/', ['ends-longer', 'any']),
  ];
}
