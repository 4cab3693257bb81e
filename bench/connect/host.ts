// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { removePins } from '../../daemon/maps/pins.js';
import { compile, makePlace } from '../place.js';
import { quantile, SIZES, table } from '../sizes.js';
import { Daemon, isApplied } from '../xds/daemon.js';
import { ENDPOINT_PORT, makeMesh, TCP_PORT } from '../xds/mesh.js';
import { createServer } from '../xds/servers.js';
import { byHaproxy, byIptables, byIpvs, byNginx, pods, startPods, vips, way, type Times, type Way } from './ways.js';

const ROUNDS = 7;
const CONNECTIONS = 5000;
/** Of the design: latency of connect() over a direct one. */
const GOAL = 1.05;

const place = makePlace();
// The addresses of all pods are local here.
execFileSync('ip', ['route', 'add', 'local', '10.128.0.0/9', 'dev', 'lo']);
const program = compile('bench/connect/timeConnect.c', place.folder);
const inCgroup = [compile('test/helpers/in-cgroup.c', place.folder), place.cgroup];
const server = await startPods(program);
for (const services of SIZES) process.stdout.write(await measure(services));
server.kill('SIGKILL');

async function measure(services: number): Promise<string> {
  const control = createServer('delta');
  await control.start();
  const daemon = new Daemon(place, control.address, ['--xds-protocol', 'delta']);
  const ways: Way[] = [];
  const missing: string[] = [];
  try {
    await daemon.during(control.connected());
    control.serve(control.pack(makeMesh(services, 1)));
    await daemon.line((line) => isApplied(line) && (line.frontends ?? 0) > services, 0);
    ways.push(way('direct', program, [], pods(services), ENDPOINT_PORT), way('kmesh', program, inCgroup, vips(services), TCP_PORT));
    for (const make of [byIptables(program, services), byIpvs(program, services), byHaproxy(program, place.folder), byNginx(program, place.folder)]) {
      const made = await make;
      if (typeof made === 'string') missing.push(made);
      else ways.push(made);
    }
    return report(services, rounds(ways), missing);
  } finally {
    for (const { stop } of ways) stop();
    await daemon.stop();
    control.stop();
    removePins('/sys/fs/bpf/bpf_kmesh');
  }
}

/** Each way is first in some round; the first round fills caches and does not count. */
function rounds(ways: readonly Way[]): Map<string, Times[]> {
  const found = new Map<string, Times[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round += 1) {
    const turned = [...ways.slice(round % ways.length), ...ways.slice(0, round % ways.length)];
    for (const { name, measure: once } of turned) {
      const times = once(CONNECTIONS);
      if (round > 0) found.get(name)!.push(times);
    }
  }
  return found;
}

function report(services: number, found: ReadonlyMap<string, readonly Times[]>, missing: readonly string[]): string {
  const direct = found.get('direct')!;
  // Within a round, so that what drifts from round to round cancels.
  const over = (name: string, of: (times: Times) => number): string => {
    const ratios = found.get(name)!.map((times, round) => of(times) / of(direct[round]!));
    return `${quantile(ratios, 0.5).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
  };
  const micro = (name: string, of: (times: Times) => number): string => (quantile(found.get(name)!.map(of), 0.5) / 1000).toFixed(1);
  const rows = [...found.keys()].map((name) => [
    name,
    micro(name, ({ connect }) => connect.p50),
    over(name, ({ connect }) => connect.p50),
    over(name, ({ connect }) => connect.p99),
    micro(name, ({ answer }) => answer.p50),
    over(name, ({ answer }) => answer.p50),
    over(name, ({ done, seconds }) => done / seconds),
  ]);
  const head = ['way', 'connect() p50 us', 'over direct', 'p99 over direct', 'first byte p50 us', 'over direct', 'rate over direct'];
  const kmesh = quantile(found.get('kmesh')!.map(({ connect }, round) => connect.p50 / direct[round]!.connect.p50), 0.5);
  const left = missing.map((why) => `  not measured: ${why}\n`).join('');
  return `\n${services} services, ${CONNECTIONS} connections one after the other, ${ROUNDS} rounds: median (least to most)\n${table([head, ...rows])}${left}  goal for kmesh's connect() over direct, p50: at most ${GOAL}; found ${kmesh.toFixed(3)}, ${kmesh <= GOAL ? 'met' : 'missed'}\n`;
}
