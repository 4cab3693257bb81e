// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { removePins } from '../../daemon/maps/pins.js';
import { makePlace } from '../place.js';
import { quantile, SIZES, table } from '../sizes.js';
import { Daemon, isApplied } from './daemon.js';
import { assignment, ENDPOINTS, httpName, makeMesh } from './mesh.js';
import { createServer, VARIANTS, type BenchServer, type VariantName } from './servers.js';

/** 300,000 routes at 10,000 services. */
const ROUTES = 30;
const CHANGES = 200;
const FLOOD = 500;
/** Of RCU, and more. */
const GRACE_MS = 60;
/** Of the design. */
const GOALS = { load: 2000, change: 10, memory: 200, block: 50 };

interface Result {
  readonly variant: VariantName;
  readonly services: number;
  /** Milliseconds from the first byte to all maps written. */
  readonly load: number;
  readonly loadCpu: number;
  readonly loadBlock: number;
  readonly operations: number;
  /** Milliseconds from a push to its map written, of changes that come alone. */
  readonly changes: readonly number[];
  /** Milliseconds of processor time for each. */
  readonly changeCpu: number;
  readonly changeBlock: number;
  /** Milliseconds of processor time for each change of a flood, and applications that they took. */
  readonly floodCpu: number;
  readonly floodApplications: number;
  readonly memory: { readonly now: number; readonly most: number };
}

const place = makePlace();
const results: Result[] = [];
for (const services of SIZES) {
  for (const variant of VARIANTS) {
    results.push(await measure(variant, services));
    process.stderr.write(`bench: ${variant}, ${services} services\n`);
  }
}
process.stdout.write(report(results));

async function measure(variant: VariantName, services: number): Promise<Result> {
  const server = createServer(variant);
  await server.start();
  const daemon = new Daemon(place, server.address, ['--xds-protocol', variant]);
  try {
    const load = await measureLoad(server, daemon, services);
    const alone = await measureChanges(server, daemon, services);
    const flood = await measureFlood(server, daemon, services);
    return { variant, services, ...load, ...alone, ...flood, memory: daemon.memory };
  } finally {
    await daemon.stop();
    server.stop();
    removePins('/sys/fs/bpf/bpf_kmesh');
  }
}

async function measureLoad(server: BenchServer, daemon: Daemon, services: number) {
  const mesh = server.pack(makeMesh(services, ROUTES));
  await daemon.during(server.connected());
  await daemon.longestBlock();
  const cpu = daemon.cpuSeconds;
  const began = performance.now();
  server.serve(mesh);
  // Each service has an address with routes, and every other one an address more; and there is the wildcard of the listener.
  const least = services + Math.ceil(services / 2);
  const { operations = 0 } = await daemon.line((line) => isApplied(line) && (line.frontends ?? 0) >= least, 0);
  return { load: performance.now() - began, loadCpu: daemon.cpuSeconds - cpu, operations, loadBlock: await daemon.longestBlock() };
}

async function measureChanges(server: BenchServer, daemon: Daemon, services: number) {
  const changes: number[] = [];
  await sleep(500);
  const cpu = daemon.cpuSeconds;
  for (let n = 0; n < CHANGES; n += 1) {
    const from = daemon.lines;
    const began = performance.now();
    server.change(...changed(n, services));
    await daemon.line(isApplied, from);
    changes.push(performance.now() - began);
    // Alone: after each the daemon rests as long as it took, and waits for a grace period.
    await sleep(2 * changes.at(-1)! + GRACE_MS);
  }
  return { changes, changeCpu: (1000 * (daemon.cpuSeconds - cpu)) / CHANGES, changeBlock: await daemon.longestBlock() };
}

async function measureFlood(server: BenchServer, daemon: Daemon, services: number) {
  const from = daemon.lines;
  const cpu = daemon.cpuSeconds;
  let last = Promise.resolve();
  for (let n = 0; n < FLOOD; n += 1) last = server.change(...changed(CHANGES + n, services));
  await last;
  const acknowledged = daemon.lines;
  await Promise.race([daemon.line(isApplied, acknowledged), sleep(1000)]);
  return { floodCpu: (1000 * (daemon.cpuSeconds - cpu)) / FLOOD, floodApplications: daemon.applications(from) };
}

/** One service's load assignment with another pod in its last place. */
function changed(n: number, services: number) {
  const i = (n * 7919) % services;
  const turn = Math.floor(n / services);
  return [httpName(i), assignment(httpName(i), i, ENDPOINTS * (services + 1 + turn))] as const;
}

function report(all: readonly Result[]): string {
  const number = (value: number, digits = 1): string => value.toFixed(digits);
  const rows = all.map((r) => [
    `${r.variant}, ${r.services}`,
    number(r.load, 0), number(r.loadCpu, 2), String(r.operations), number(r.loadBlock, 0),
    number(quantile(r.changes, 0.5)), number(quantile(r.changes, 0.99)), number(r.changeCpu, 2), number(r.changeBlock, 0),
    number(r.floodCpu, 2), String(r.floodApplications), number(r.memory.now, 0), number(r.memory.most, 0),
  ]);
  const head = ['services', 'load ms', 'CPU s', 'operations', 'block ms', 'change p50', 'p99 ms', 'CPU ms', 'block ms', 'flood CPU ms', 'applied', 'MiB', 'most'];
  const note = `ADS, ${ENDPOINTS} endpoints and ${ROUTES} routes a service; ${CHANGES} changes of one endpoint alone, ${FLOOD} at once; CPU of the daemon for each change`;
  return `\n${note}\n${table([head, ...rows])}\nGrowth\n${table(growth(all))}\nGoals at 10,000 services\n${table(goals(all))}`;
}

/** Each size over the one before it: 1.0 in `for each service` is growth by as much as services. */
function growth(all: readonly Result[]): string[][] {
  const rows = VARIANTS.flatMap((variant) => {
    const own = all.filter((one) => one.variant === variant);
    return own.slice(1).map((after, i) => {
      const before = own[i]!;
      const factor = (of: (result: Result) => number): string => (of(after) / of(before)).toFixed(2);
      return [`${variant}, ${before.services} to ${after.services}`, factor(({ services }) => services), factor(({ load }) => load), factor(({ memory }) => memory.now), factor(({ changes }) => quantile(changes, 0.5)), factor(({ changeCpu }) => changeCpu)];
    });
  });
  return [['from, to', 'services', 'load', 'memory', 'change p50', 'CPU for a change'], ...rows];
}

function goals(all: readonly Result[]): string[][] {
  const rows = all
    .filter(({ services }) => services === 10_000)
    .flatMap((r): [string, number, number][] => [
      [`${r.variant}: load, ms`, GOALS.load, r.load],
      [`${r.variant}: one endpoint p99, ms`, GOALS.change, quantile(r.changes, 0.99)],
      [`${r.variant}: memory, MiB`, GOALS.memory, r.memory.now],
      [`${r.variant}: longest block of the event loop, ms`, GOALS.block, Math.max(r.loadBlock, r.changeBlock)],
    ]);
  return [['what', 'under', 'found', ''], ...rows.map(([what, goal, found]) => [what, String(goal), found.toFixed(1), found < goal ? 'met' : 'missed'])];
}
