// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import * as z from 'zod';
import { type Context, failure } from '../context.js';
import { readBootId } from '../gather/bootId.js';
import { readState, removeState, writeState } from '../stateFiles.js';
import { isErrno } from '../sys.js';
import { KILL_MS } from './endService.js';
import { daemonProgram, pinRoot } from './pins.js';

const FILE = 'processes.json';
const POLL_MS = 20;
/** Of a command line, in bytes; the agent's own is far below. */
const MAX_COMMAND = 1 << 17;

const processMark = z.object({ pid: z.int().positive(), startTime: z.string() });

const processes = z.object({
  /** Pids mean nothing in another pid namespace or after a boot. */
  bootId: z.string(),
  namespace: z.string(),
  agent: processMark,
  daemon: processMark.optional(),
});

type ProcessMark = z.infer<typeof processMark>;

/** Puts the agent and its daemon on record, so that a later run can end a daemon that an agent's crash left behind. */
export async function recordProcesses(ctx: Context, daemonPid: number | undefined): Promise<void> {
  const agent = await mark(ctx, ctx.sys.pid);
  const daemon = daemonPid === undefined ? undefined : await mark(ctx, daemonPid);
  await writeState(ctx, FILE, { ...(await world(ctx)), agent, ...(daemon === undefined ? {} : { daemon }) });
}

/** Puts this agent on record; a daemon that an agent's crash left behind stays there. @throws KM_AGENT_RUNNING, KM_STATE_DIR */
export async function recordAgent(ctx: Context): Promise<void> {
  const daemon = (await onRecord(ctx))?.daemon;
  await writeState(ctx, FILE, { ...(await world(ctx)), agent: await mark(ctx, ctx.sys.pid), ...(daemon === undefined ? {} : { daemon }) });
}

/** Takes this agent from the record, unless a daemon has to be remembered. */
export async function forgetAgent(ctx: Context): Promise<void> {
  const found = await readState(ctx, FILE, processes);
  if (found?.agent.pid === ctx.sys.pid && found.daemon === undefined) await forgetProcesses(ctx);
}

export async function forgetProcesses(ctx: Context): Promise<void> {
  await removeState(ctx, FILE);
}

/**
 * Ends a daemon whose agent died without stopping it. The own agent holds the node (claimNode, holdPlaces).
 *
 * @returns pid of the daemon that was ended
 * @throws KM_AGENT_RUNNING when the agent on record lives
 */
export async function endLeftover(ctx: Context, graceMs: number): Promise<number | undefined> {
  const recorded = (await onRecord(ctx))?.daemon;
  const daemon = recorded !== undefined && (await lives(ctx, recorded)) ? recorded : await holderOfPins(ctx);
  if (daemon === undefined) return undefined;
  ctx.sys.kill(-daemon.pid, 'SIGTERM');
  if (await ends(ctx, daemon, graceMs)) return daemon.pid;
  ctx.sys.kill(-daemon.pid, 'SIGKILL');
  // The next daemon is refused while this one holds the pins.
  await ends(ctx, daemon, KILL_MS);
  return daemon.pid;
}

/** Whether a process is gone within a time. */
async function ends(ctx: Context, known: ProcessMark, ms: number): Promise<boolean> {
  const deadline = ctx.sys.now() + ms;
  while (await lives(ctx, known)) {
    if (ctx.sys.now() >= deadline) return false;
    await ctx.sys.sleep(POLL_MS);
  }
  return true;
}

/**
 * A daemon whose agent was killed after it had started it, and before it had put it on record: it holds the lock of the pins. No agent
 * lives that it could belong to, since this one holds theirs (agent/supervisor/exclusive.ts). Whoever else locks that folder is left alone.
 */
async function holderOfPins(ctx: Context): Promise<ProcessMark | undefined> {
  const pid = ctx.sys.lockHolder(pinRoot(ctx));
  if (pid === undefined) return undefined;
  const words = (await ctx.sys.readText(`/proc/${pid}/cmdline`, MAX_COMMAND).catch(() => '')).split('\0');
  return words.some((word) => path.basename(word) === path.basename(daemonProgram(ctx))) ? mark(ctx, pid) : undefined;
}

/** @throws KM_AGENT_RUNNING when the agent on record lives */
export async function refuseSecondAgent(ctx: Context): Promise<void> {
  await onRecord(ctx);
}

/** The processes on record, if they can be those of now. @throws KM_AGENT_RUNNING */
async function onRecord(ctx: Context): Promise<z.infer<typeof processes> | undefined> {
  const found = await readState(ctx, FILE, processes);
  const here = await world(ctx);
  if (found === undefined || found.bootId !== here.bootId || found.namespace !== here.namespace) return undefined;
  if (found.agent.pid !== ctx.sys.pid && (await lives(ctx, found.agent))) {
    throw failure(ctx, 'KM_AGENT_RUNNING', `${await describe(ctx, found.agent)} uses ${ctx.options.stateDir}`);
  }
  return found;
}

/** The agent on record, in words. */
export async function whoRuns(ctx: Context): Promise<string> {
  const [found, here] = [await readState(ctx, FILE, processes).catch(() => undefined), await world(ctx)];
  if (found === undefined || found.bootId !== here.bootId) return 'another agent';
  return describe(ctx, found.agent, found.namespace === here.namespace ? '' : ' of another pid namespace');
}

export async function describeProcess(ctx: Context, pid: number): Promise<string> {
  const found = await mark(ctx, pid);
  return found === undefined ? `the agent with pid ${pid}` : describe(ctx, found);
}

/** Start times count from the boot in USER_HZ, which is 100 for user space everywhere (proc_pid_stat(5)). */
async function describe({ sys }: Context, { pid, startTime }: ProcessMark, where = ''): Promise<string> {
  const uptime = Number((await sys.readText('/proc/uptime', 4096).catch(() => '')).split(' ')[0]);
  const seconds = Math.round(uptime - Number(startTime) / 100);
  const age = seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
  return `the agent with pid ${pid}${where}${uptime > 0 && seconds >= 0 ? `, which has run for ${age},` : ''}`;
}

async function world(ctx: Context): Promise<{ bootId: string; namespace: string }> {
  const bootId = await readBootId(ctx.sys);
  return { bootId, namespace: await ctx.sys.readLink('/proc/self/ns/pid') };
}

/** A process is known by its pid and its start time (field 22 of /proc/PID/stat), since pids come again. */
async function mark(ctx: Context, pid: number): Promise<ProcessMark | undefined> {
  try {
    const stat = await ctx.sys.readText(`/proc/${pid}/stat`, 4096);
    // The second field is the program's name in parentheses and may hold blanks and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const zombie = fields[0] === 'Z' || fields[0] === 'X';
    return zombie ? undefined : { pid, startTime: fields[19] ?? '' };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

async function lives(ctx: Context, known: ProcessMark): Promise<boolean> {
  return (await mark(ctx, known.pid))?.startTime === known.startTime;
}
