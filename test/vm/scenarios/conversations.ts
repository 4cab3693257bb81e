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
/** Rounds of idle connections that together must leave nothing behind. */
const SETTLED_ROUNDS = 3;
/** 85 bytes for each of their connections: less than the state of any. */
const MOST_GROWTH_KB = 256;
/** Caches of the kernel fill for some rounds; a leak is there after all of them. */
const MOST_ROUNDS = 16;
const FALLBACK_MS = 1000;
const LONG_FALLBACK_MS = 60_000;
const SETTLED_MS = 60_000;

export async function run(t: Checks, context: Context): Promise<void> {
  const proof = await startProof(context);
  const backends = await startBackends(proof.mesh, context);
  try {
    await conversations(t);
    await idle(t);
    // KASAN keeps what was freed for a while, and kmemleak looks for what was not.
    if (context.kernel !== 'debug') await memory(t);
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
  // Those that have sent something are connected first, and it is delivered.
  await until('those that close are let go long before their time is over', LONG_FALLBACK_MS / 2, () => counter('deferred') === IDLE / 2);
  const drained = counter('drained');
  setParameter('accepting', 0);
  await until('the others are connected', SETTLED_MS, () => counter('deferred') === 0);
  setParameter('accepting', 1);
  t.equal(counter('drained') - drained, IDLE / 2, 'a drain connects all others');
  t.match(await connections.ask(), /^fallback-1=\d+ fallback-2=\d+$/, 'to the endpoints of the default decision, where their requests are answered');
  await connections.end();
  setParameter('fallback_ms', FALLBACK_MS);
}

/** The kernel's memory comes to rest, which it never would if any connection left something behind. */
async function memory(t: Checks): Promise<void> {
  const looks: number[] = [];
  let growth = Infinity;
  while (looks.length < MOST_ROUNDS && growth >= MOST_GROWTH_KB) {
    await idleRound();
    looks.push(await kernelMemory());
    if (looks.length > SETTLED_ROUNDS) growth = looks.at(-1)! - looks.at(-1 - SETTLED_ROUNDS)!;
  }
  t.ok(growth < MOST_GROWTH_KB, `${SETTLED_ROUNDS * IDLE} connections that were held back leave no memory behind`, `${looks.join(', ')} kB`);
  t.note(`memory of the kernel after each ${IDLE} connections that were held back: ${looks.join(', ')} kB`);
}

async function idleRound(): Promise<void> {
  const connections = await IdleConnections.open(IDLE);
  await connections.close(IDLE);
  await connections.end();
}
