// SPDX-License-Identifier: Apache-2.0
/**
 * A daemon whose maps have another layout takes over from one that is in force, and is killed between every two of its steps.
 * Whatever is in force then, connections go right, and the next one brings it to its end. With KMESH_STOP_EACH=1 (npm run test:chaos) each
 * single call that changes something in the kernel is a step; else entries, pins and removals of pins in a row are one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import t from 'tap';
import { HOOKS } from '../../daemon/maps/hooks.js';
import { buildBpfObject, temporaryFolder } from '../helpers/bpfObject.js';
import { otherVersion, thisVersion, type Installation } from '../helpers/installation.js';
import { compileLibrary, enterSandbox, makeCgroup } from '../helpers/sandbox.js';
import { connectIn, holdIn, tally } from './client.js';
import { PIN_ROOT, startBackend, stopBackends } from './stage.js';

await enterSandbox(import.meta.url);
t.teardown(stopBackends);

const folder = temporaryFolder();
const cgroup = makeCgroup();
const stopBefore = compileLibrary('stop-before');
const EACH = process.env['KMESH_STOP_EACH'] === '1';
const mesh = path.join(folder, 'mesh.json');

const a = await startBackend('a', '127.0.0.1');
const a6 = await startBackend('a6', '::1');
const few = await startBackend('few', '127.0.0.1');

const address = (text: string, port: number) => ({ address: { socket_address: { address: text, port_value: port } } });
const tcp = (service: string, cluster: string) => ({
  '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
  name: `${service}_80`,
  ...address(service, 80),
  filter_chains: [{ filters: [{ name: 'tcp', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', stat_prefix: 's', cluster } }] }],
});
const cluster = (name: string, most: number, backend: { readonly address: string; readonly port: number }) => ({
  '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  name,
  type: 'STATIC',
  circuit_breakers: { thresholds: [{ max_connections: most }] },
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: address(backend.address, backend.port) }] }] },
});
const HELD = 2;
const RESOURCES = [tcp('10.96.0.1', 'a'), tcp('fd00:10:96::1', 'a6'), tcp('10.96.0.2', 'few'), cluster('a', 1000, a), cluster('a6', 1000, a6), cluster('few', HELD, few)];
/** A cluster that only one of the versions is told of, so that each has something to sweep after the other. */
const meshOf = (version: Version) => JSON.stringify({ resources: [...RESOURCES, cluster(`only-${version.layoutVersion}`, 9, a)] });

interface Version extends Installation {
  readonly objects: string;
}

const prepare = (installation: Installation): Version => ({ ...installation, objects: path.dirname(buildBpfObject({ setRetval: true, sources: installation.bpf })) });
const versions = [prepare(thisVersion(path.join(folder, 'this'))), prepare(await otherVersion(path.join(folder, 'other')))] as const;

const running = new Set<ChildProcess>();
t.teardown(() => running.forEach((child) => child.kill('SIGKILL')));

/** A daemon's life from its start until it has brought everything into force and is asked to end. @returns how it ended: 0, or SIGKILL when it was stopped before */
async function live(version: Version, stopBeforeStep?: number): Promise<NodeJS.Signals | number> {
  fs.writeFileSync(mesh, meshOf(version));
  const stop = stopBeforeStep === undefined ? {} : { LD_PRELOAD: stopBefore, STOP_BEFORE: String(stopBeforeStep), ...(EACH ? { STOP_EACH: '1' } : {}) };
  const args = [version.daemon, '--objects', version.objects, '--cgroup', cgroup, '--log-format', 'json', '--xds-address', `file://${mesh}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...stop } });
  running.add(child);
  let log = '';
  let asked = false;
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    log += part;
    // A second signal would find no handler any more.
    if (!asked && log.includes('"msg":"configuration applied') && log.includes('"msg":"programs in force')) asked = child.kill('SIGTERM');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  running.delete(child);
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the daemon ended (${signal ?? code}): ${log}`);
  return signal ?? 0;
}

/** enum bpf_attach_type of include/uapi/linux/bpf.h. */
const ATTACH_TYPE: Readonly<Record<string, number>> = { sockops: 3, connect4: 10, connect6: 11, getpeername4: 29, getpeername6: 30, sock_release: 34 };
const query = koffi.load('libbpf.so.1').func('int bpf_prog_query(int fd, int type, uint32_t flags, _Out_ uint32_t *attach_flags, _Out_ uint32_t *ids, _Inout_ uint32_t *count)');
const cgroupFd = fs.openSync(cgroup, 'r');

/** How many programs are attached to a hook of the cgroup. */
function programsAt(hook: string): number {
  const count = [64];
  const failed = query(cgroupFd, ATTACH_TYPE[hook], 0, [0], new Array<number>(64).fill(0), count);
  if (failed !== 0) throw new Error(`bpf_prog_query of ${hook}: ${failed}`);
  return count[0]!;
}

const sets = (): string[] => fs.readdirSync(PIN_ROOT).filter((name) => name.startsWith('maps'));

await t.test('each version steers by itself, and the two cannot use the maps of each other', async (test) => {
  for (const version of versions) {
    test.equal(await live(version), 0);
    test.same(sets(), [`maps-v${version.layoutVersion}`], 'one set of maps');
    test.same(tally(await connectIn(cgroup, '10.96.0.1', 80)), { a: 1 });
  }
});

await t.test('a daemon with another map layout is killed before each of its steps', { timeout: EACH ? 3_600_000 : 900_000 }, async (test) => {
  await live(versions[0]);
  const held = await holdIn(cgroup, HELD, '10.96.0.2', 80);
  const held6 = await holdIn(cgroup, 1, 'fd00:10:96::1', 80);
  /** What is wrong with connections now. */
  const faults = async (): Promise<string[]> => {
    const seen: Record<string, unknown> = {
      'of 10.96.0.1': [tally(await connectIn(cgroup, '-n', 2, '10.96.0.1', 80)), { a: 2 }],
      'of fd00:10:96::1': [tally(await connectIn(cgroup, 'fd00:10:96::1', 80)), { a6: 1 }],
      'of a full cluster': [tally(await connectIn(cgroup, '10.96.0.2', 80)), { ECONNREFUSED: 1 }],
      'peers of new ones': [(await connectIn(cgroup, '10.96.0.1', 80)).map(({ peer }) => peer), ['10.96.0.1 80']],
      'peers of standing ones': [[...(await held.peers()), ...(await held6.peers())], [...new Array<string>(HELD).fill('10.96.0.2 80'), 'fd00:10:96::1 80']],
      'programs at the hooks': [HOOKS.map(({ name }) => programsAt(name)), HOOKS.map(() => 1)],
    };
    return Object.entries(seen).flatMap(([what, pair]) => {
      const [found, wanted] = (pair as unknown[]).map((side) => JSON.stringify(side));
      return found === wanted ? [] : [`${what}: ${found}, not ${wanted}`];
    });
  };
  test.same(await faults(), [], 'before');
  let step = 1;
  for (; ; step += 1) {
    const version = versions[step % 2]!;
    const end = await live(version, step);
    const stopped = await faults();
    if (stopped.length > 0) test.fail(`stopped before step ${step}`, { stopped, sets: sets() });
    if (end === 0) break;
    await live(version);
    const completed = await faults();
    if (completed.length > 0) test.fail(`completed after a stop before step ${step}`, { completed });
    if (sets().join() !== `maps-v${version.layoutVersion}`) test.fail(`more than one set of maps after a stop before step ${step}`, { sets: sets() });
  }
  test.comment(`stopped before each of ${step - 1} steps`);
  test.ok(step > 2 * HOOKS.length, 'there were steps to be stopped before');
  await held.release();
  await held6.release();
  test.same(tally(await connectIn(cgroup, '10.96.0.2', 80)), { few: 1 }, 'the places of connections that ended are free again');
});
