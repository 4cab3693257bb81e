// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run test:chaos`: connections through everything that may happen to agent and daemon. The numbers are printed at the end. With
 * KMESH_CHAOS_SCALE below 1 less of it happens; KMESH_CHAOS_SEED repeats an order.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { random } from '../daemon/diff/models.js';
import { temporaryFolder } from '../helpers/bpfObject.js';
import { otherVersion, thisVersion } from '../helpers/installation.js';
import { enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { eventually } from './eventually.js';
import { Load, startBackends } from './load.js';
import { BACKENDS, MESHES, meshOf, rightOf } from './meshes.js';
import { ChaosNode, MARK } from './node.js';
import { bpfObjects, cgroups, mounts, openFiles, pins, processesWith, zombiesOf } from './traces.js';

await enterSandbox(import.meta.url);

const SCALE = Number(process.env['KMESH_CHAOS_SCALE'] ?? '1');
const SEED = Number(process.env['KMESH_CHAOS_SEED'] ?? Date.now() % 1_000_000);
const PER_SECOND = 64;
const STANDING = 32;
const times = (n: number): number => Math.max(1, Math.round(n * SCALE));
/** An even number: the version at the end is the one of the beginning. */
const PLAN = { killDaemon: times(60), killAgent: times(20), upgrade: 2 * times(5), loseXds: times(10), fillDisk: times(2), jumpClock: times(10), change: times(20) };
/** With one agent, whose open files are counted before and after. */
const KILLS_OF_ONE_AGENT = times(40);
const HANG_LIMIT = SCALE < 1 ? '3s' : '30s';
/** The others that happen while the control plane is away, and while the disk is full. */
const AWAY = 3;
const FULL = 6;
const JUMPS = [3600, -7200, 10 * 365 * 86_400, 0];

const folder = temporaryFolder();
const cgroup = makeCgroup();
const below = random(SEED);
const versions = [thisVersion(path.join(folder, 'this')), await otherVersion(path.join(folder, 'other'))];
const backends = await startBackends(BACKENDS);
const mountsBefore = mounts();
const cgroupsBefore = cgroups(cgroup);
const chaos = new ChaosNode(folder, cgroup, versions, HANG_LIMIT);
const { node } = chaos;
t.teardown(async () => {
  chaos.load?.kill();
  backends.kill('SIGKILL');
  await node.stop('SIGTERM');
  for (const { pid } of processesWith(node.stateDir)) process.kill(pid, 'SIGKILL');
  chaos.stopServer();
  chaos.unmount(folder);
  node.remove();
});

type Deed = keyof typeof PLAN;
const done: Record<string, number> = {};
const tell = (what: string): void => void process.stderr.write(`chaos: ${what}\n`);
const KILLS = 'kill -9 of the daemon';
const did = (what: string): void => void (done[what] = (done[what] ?? 0) + 1);

/** There may be none just now: its agent waits, or has been taken along by the last one. */
async function killDaemon(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  await eventually('a daemon to kill', () => {
    chaos.revive();
    const pid = chaos.daemonPid;
    try {
      return pid !== undefined && process.kill(pid, signal);
    } catch {
      // It has just ended by itself.
      return false;
    }
  }, 120);
  did(signal === 'SIGKILL' ? KILLS : signal);
}

function shuffled(plan: Readonly<Record<Deed, number>>): Deed[] {
  const deeds = Object.entries(plan).flatMap(([deed, n]) => new Array<Deed>(n).fill(deed as Deed));
  for (let i = deeds.length - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    [deeds[i], deeds[j]] = [deeds[j]!, deeds[i]!];
  }
  return deeds;
}

let jumps = 0;
const deedsOf: Record<Deed, () => Promise<void> | void> = {
  killDaemon: () => killDaemon(),
  killAgent: async () => {
    await chaos.killAgent();
    did('kill -9 of the agent');
  },
  upgrade: async () => {
    await chaos.upgrade();
    did('upgrades with another map layout');
  },
  loseXds: () => {
    chaos.stopServer();
    did('xDS server losses');
  },
  fillDisk: () => {
    chaos.fillDisk();
    did('full disks');
  },
  jumpClock: () => {
    chaos.clock.set(JUMPS[(jumps += 1) % JUMPS.length]!);
    did('clock jumps');
  },
  change: () => {
    chaos.change(below(MESHES));
    did('changes of the mesh');
  },
};

/** BPF objects as they are once the kernel has freed what it frees a little later. */
async function atRest(what: string, wanted: string): Promise<void> {
  await eventually(what, () => JSON.stringify(bpfObjects(MARK)) === wanted).catch(() => undefined);
}

const filesOf = async (pid: number): Promise<number> => {
  let fewest = Infinity;
  // A question to the daemon is open for a moment now and then.
  for (let i = 0; i < 20; i += 1) {
    fewest = Math.min(fewest, Object.values(openFiles(pid)).reduce((sum, n) => sum + n, 0));
    await pause(100);
  }
  return fewest;
};

await t.test('connections go right whatever happens', { timeout: 3_600_000 }, async (t) => {
  tell(`seed ${SEED}, scale ${SCALE}: ${JSON.stringify({ ...PLAN, oneAgent: KILLS_OF_ONE_AGENT })}`);
  const began = performance.now();
  chaos.server.serve(meshOf(0));
  await chaos.startServer();
  chaos.start();
  await chaos.settle();
  const objectsBefore = JSON.stringify(bpfObjects(MARK));
  const pinsBefore = pins();
  const load = (chaos.load = new Load(cgroup, rightOf(0), PER_SECOND, STANDING));
  await eventually('the standing connections stand', () => load.seen.stood === STANDING);

  const deeds = shuffled(PLAN);
  let [away, full] = [0, 0];
  for (const [i, deed] of deeds.entries()) {
    await deedsOf[deed]();
    if (deed === 'loseXds') away = AWAY;
    else if (away > 0 && (away -= 1) === 0) await chaos.startServer();
    if (deed === 'fillDisk') full = FULL;
    else if (full > 0 && (full -= 1) === 0) chaos.freeDisk();
    // Sometimes in the middle of what the last deed brought about, sometimes after it.
    if (chaos.serverRuns && full === 0 && below(2) === 0) await chaos.settle();
    else await pause(below(1500));
    chaos.revive();
    const { opened, answered, lost, wrong } = load.seen;
    tell(`${i + 1}/${deeds.length} ${deed}: ${opened} opened, ${answered} answered, lost ${JSON.stringify(lost)}, wrong ${JSON.stringify(wrong)}`);
  }
  chaos.freeDisk();
  await chaos.startServer();
  await chaos.settle();

  tell('one agent');
  const agent = node.agentPid;
  await node.lineOf(/^ready: /, { after: node.log.findLastIndex((line) => /^Kmesh node agent/.test(line.msg)) });
  const agentFiles = await filesOf(agent);
  for (let i = 0; i < KILLS_OF_ONE_AGENT; i += 1) {
    const seen = node.log.length;
    await killDaemon();
    await node.lineOf(/^kmesh-daemon is starting/, { after: seen });
    await pause(below(1200));
  }
  await chaos.settle();

  tell('SIGSTOP');
  let seen = node.log.length;
  await killDaemon('SIGSTOP');
  await node.lineOf(/^KM_DAEMON_HUNG/, { after: seen });
  await node.lineOf(/^kmesh-daemon is ready again/, { after: seen });
  await chaos.settle();
  t.equal(node.agentPid, agent, 'that was one agent');

  tell('leaks');
  const daemon = chaos.daemonPid!;
  const daemonFiles = await filesOf(daemon);
  for (let i = 0; i < times(4); i += 1) {
    chaos.stopServer();
    chaos.change(below(MESHES));
    await pause(500);
    await chaos.startServer();
    did('xDS server losses');
    await chaos.settle();
  }
  chaos.change(0);
  await chaos.settle();
  const leaks = {
    'files of the agent': (await filesOf(agent)) - agentFiles,
    'files of the daemon': chaos.daemonPid === daemon ? (await filesOf(daemon)) - daemonFiles : Number.NaN,
    zombies: zombiesOf([agent, daemon, process.pid]),
    processes: processesWith(node.stateDir).length - 2,
  };
  const total = await load.finish();
  await atRest('what was before the load', objectsBefore);
  const [before, after] = [JSON.parse(objectsBefore) as ReturnType<typeof bpfObjects>, bpfObjects(MARK)];
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, n) => all + n, 0);
  const pinsAfter = pins();
  // A file fewer is a connection that has gone idle.
  for (const what of ['files of the agent', 'files of the daemon'] as const) leaks[what] = Math.max(0, leaks[what]);
  const all = {
    ...leaks,
    maps: sum(after.maps) - sum(before.maps),
    programs: sum(after.programs) - sum(before.programs),
    links: after.links - before.links,
    pins: pinsAfter.length - pinsBefore.length,
    cgroups: cgroups(cgroup).length - cgroupsBefore.length,
  };
  report(done, total, all, (performance.now() - began) / 1000);
  t.equal(done[KILLS], PLAN.killDaemon + KILLS_OF_ONE_AGENT, 'every kill met a daemon');
  t.same(total.lost, {}, 'no connection was lost');
  t.same(total.wrong, {}, 'none went wrong');
  t.equal(total.answered, total.opened);
  t.ok(total.opened > 0.9 * PER_SECOND * ((performance.now() - began) / 1000 - 60), 'as many were opened as were to be');
  t.equal(total.stood, STANDING, 'no standing connection was made anew');
  t.same(all, Object.fromEntries(Object.keys(all).map((what) => [what, 0])), 'nothing leaked');
  t.same(after, before);
  t.same(pinsAfter, pinsBefore);
  seen = node.log.length;

  await node.stop('SIGTERM');
  const cleaned = await chaos.cleanup(cgroup, (words) => spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] }));
  t.equal(cleaned, 0, 'cleanup');
  await atRest('nothing', JSON.stringify({ programs: {}, maps: {}, links: 0 }));
  t.same([bpfObjects(MARK), pins()], [{ programs: {}, maps: {}, links: 0 }, []], 'removes all');
  t.same(mounts().filter((mount) => !mount.includes(folder)), mountsBefore, 'mounts too');
  t.equal(fs.existsSync(path.join(node.stateDir, 'processes.json')), false);
});

function report(deeds: Readonly<Record<string, number>>, seen: Load['seen'], leaks: Readonly<Record<string, number>>, seconds: number): void {
  const count = (counts: Readonly<Record<string, number>>): string => {
    const n = Object.values(counts).reduce((all, one) => all + one, 0);
    return n === 0 ? '0' : `${n} ${JSON.stringify(counts)}`;
  };
  const rows: readonly (readonly [string, string | number])[] = [
    ...Object.entries(deeds),
    ['agents that a killed daemon took along before it was ready', chaos.endedByThemselves],
    ['seconds', Math.round(seconds)],
    ['connections opened', seen.opened],
    ['standing connections, bytes that came back', `${seen.stood}, ${seen.bytes}`],
    ['connections lost', count(seen.lost)],
    ['wrongly steered', count(seen.wrong)],
    ...Object.entries(leaks).map(([what, n]) => [`leaked: ${what}`, n] as const),
  ];
  for (const [what, n] of rows) tell(`${what.padEnd(62)} ${n}`);
}
