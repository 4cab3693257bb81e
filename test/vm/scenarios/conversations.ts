// SPDX-License-Identifier: Apache-2.0
/** Connections that do what well-behaved clients do not, on the wire and with their sockets, and what is left of them: nothing. */
import path from 'node:path';
import type { Checks, Context } from '../guest/scenario.js';
import { startBackends } from '../proof/backends.js';
import { IdleConnections } from '../proof/idle.js';
import { kernelMemory } from '../proof/memory.js';
import { counter, setParameter, until } from '../proof/module.js';
import { CLIENTS, finish } from '../proof/programs.js';
import { KMESH_MODULE, startProof } from '../proof/stage.js';

export const name = 'conversations';
export const limitSeconds = 900;
export const modules = KMESH_MODULE;

const IDLE = 1000;
/** Of 1,000 idle connections each, between two looks at the kernel's memory. */
const REPEATS = 4;
/** 256 bytes for each of the connections: less than the state of any. */
const MOST_GROWTH_KB = 1024;
const FALLBACK_MS = 1000;
const LONG_FALLBACK_MS = 60_000;
const SETTLED_MS = 60_000;

export async function run(t: Checks, context: Context): Promise<void> {
  const proof = await startProof(context);
  const backends = await startBackends(proof.mesh, context);
  try {
    await conversations(t);
    await idle(t);
    await memory(t);
  } finally {
    await backends.stop();
    await proof.agent.stop();
  }
}

async function conversations(t: Checks): Promise<void> {
  const { code, stdout, stderr } = await finish('python3', [path.join(CLIENTS, 'conversations.py')]);
  const lines = stdout.trim().split('\n').filter(Boolean);
  for (const { name: what, ok, detail } of lines.map((line) => JSON.parse(line) as { name: string; ok: boolean; detail?: string })) t.ok(ok, what, detail);
  t.ok(code === 0, 'all conversations were held', stderr);
  await until('no connection is held back', SETTLED_MS, () => counter('deferred') === 0);
  t.equal(counter('armed'), 0, 'no socket is left half taken over');
  t.ok(counter('split') > 0 && counter('closed') > 0, 'the module counts split heads and clients that went');
}

/** A thousand clients that connect and say nothing. */
async function idle(t: Checks): Promise<void> {
  setParameter('fallback_ms', LONG_FALLBACK_MS);
  const connections = await IdleConnections.open(IDLE);
  t.equal(counter('deferred'), IDLE, `${IDLE} connections are held back`);
  const { code, stdout } = await finish('curl', ['-sS', '--noproxy', '*', '--max-time', '60', 'http://10.96.1.10/healthz']);
  t.ok(code === 0 && stdout.includes('"health-1"'), 'others are routed meanwhile', stdout);

  await connections.close(IDLE / 2);
  t.equal(counter('deferred'), IDLE / 2, 'those that close are let go at once');
  const drained = counter('drained');
  setParameter('accepting', 0);
  await until('the others are connected', SETTLED_MS, () => counter('deferred') === 0);
  setParameter('accepting', 1);
  t.equal(counter('drained') - drained, IDLE / 2, 'a drain connects all others');
  t.match(await connections.ask(), /^fallback-1=\d+ fallback-2=\d+$/, 'to the endpoints of the default decision, where their requests are answered');
  await connections.end();
  setParameter('fallback_ms', FALLBACK_MS);
}

/** The kernel's memory is where it was. The first round fills caches that stay. */
async function memory(t: Checks): Promise<void> {
  await idleRound();
  const before = await kernelMemory();
  for (let repeat = 0; repeat < REPEATS; repeat++) await idleRound();
  const growth = (await kernelMemory()) - before;
  t.ok(growth < MOST_GROWTH_KB, `${REPEATS * IDLE} connections that were held back leave no memory behind`, `${growth} kB`);
  t.note(`${REPEATS * IDLE} connections that were held back: ${growth} kB`);
}

async function idleRound(): Promise<void> {
  const connections = await IdleConnections.open(IDLE);
  await connections.close(IDLE);
  await connections.end();
}
