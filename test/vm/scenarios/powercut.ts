// SPDX-License-Identifier: Apache-2.0
// The power fails at 20 random points of a bring-up that compiles everything. After each of them the machine boots again with what its
// disk holds, and the node comes up.
import fs from 'node:fs';
import path from 'node:path';
import { Agent, startBackends } from '../guest/agent.js';
import { mountKeptDisk } from '../guest/disks.js';
import type { Checks, Context } from '../guest/scenario.js';
import { KMESH_MODULE } from '../proof/stage.js';

const CUTS = 20;

export const name = 'powercut';
export const limitSeconds = 300;
export const boots = CUTS + 1;
/** The state folder does not depend on the kernel. */
export const kernels = ['6.1'];
export const modules = KMESH_MODULE;

const KEPT = '/kept';
const STATE = path.join(KEPT, 'state');
const BUILDS = path.join(STATE, 'build');
/** How long the first start took, in milliseconds. */
const DURATION = path.join(KEPT, 'duration');

export async function run(t: Checks, context: Context): Promise<void> {
  await mountKeptDisk(context, KEPT);
  const stopBackends = await startBackends(context);
  if (context.boot > 1) t.note(`boot ${context.boot} finds ${describe()}`);
  const ms = await wholeStart(t, context);
  if (context.boot === 1) fs.writeFileSync(DURATION, String(ms));
  t.equal(unfinished(), [], 'nothing unfinished is left');
  if (context.boot < boots) await loseThePower(t, context);
  stopBackends();
}

const begin = (context: Context): Promise<Agent> => Agent.start(context, { args: ['--module', context.modules['kmesh']!, '--state-dir', STATE] });

/** @returns milliseconds until it was ready */
async function wholeStart(t: Checks, context: Context): Promise<number> {
  const what = context.boot === 1 ? 'the first start' : `the start after cut ${context.boot - 1}`;
  const started = Date.now();
  const agent = await begin(context);
  await agent.ready();
  const ms = Date.now() - started;
  t.equal([agent.capability('l4-ipv4').state, agent.capability('l7-http').state], ['on', 'on'], `${what}: L4 and L7 are on`);
  t.match(await context.sh('curl', '-sS', '--noproxy', '*', '--max-time', '20', 'http://10.96.0.10/'), /^v[12]/, `${what}: connections are steered`);
  t.equal(await agent.stop(), 0, `${what}: it ends with 0`);
  return ms;
}

/** One cut in each of 20 equal parts of a start that has to compile. */
async function loseThePower(t: Checks, context: Context): Promise<void> {
  fs.rmSync(BUILDS, { recursive: true });
  await context.sh('sync');
  const at = Math.round((Number(fs.readFileSync(DURATION, 'utf8')) * (context.boot - 1 + Math.random())) / CUTS);
  const agent = await begin(context);
  await new Promise((resolve) => setTimeout(resolve, at));
  t.note(`cut ${context.boot} of ${CUTS}, ${at} ms after the start: ${agent.log.at(-1)?.msg.split('\n')[0] ?? 'it had said nothing yet'}`);
  await t.cutPower();
}

const files = (): string[] => (fs.existsSync(STATE) ? fs.readdirSync(STATE, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).map((one) => path.join(one.parentPath, one.name)) : []);

/** What was being written, and what is empty though it never is when whole. */
const unfinished = (): string[] => files().filter((file) => /partial|\.tmp/.test(file) || (/\.(o|ko|json)$/.test(file) && fs.statSync(file).size === 0));

function describe(): string {
  const found = files();
  return `${found.length} files in the state folder${unfinished().length === 0 ? '' : `, unfinished: ${unfinished().join(', ')}`}`;
}
