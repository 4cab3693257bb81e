// SPDX-License-Identifier: Apache-2.0
/** The node of the chaos lane: an agent with its daemon, of one of two versions, and a control plane that may be away. */
import fs from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { AdsServer } from '../helpers/adsServer.js';
import type { Installation } from '../helpers/installation.js';
import { TestNode } from '../helpers/node.js';
import { run } from '../helpers/sandbox.js';
import { WallClock } from '../helpers/wallClock.js';
import { eventually } from './eventually.js';
import type { Load, Truth } from './load.js';
import { meshOf, rightOf, slotsOf, union } from './meshes.js';

/** Sizes of the maps: see bpfObjects. */
export const MARK = 1013;
const SIZES = ['listeners', 'prefixes', 'clusters', 'endpoints', 'splits', 'route-tables', 'virtual-hosts', 'domains', 'route-steps'].flatMap((name) => [`--max-${name}`, String(MARK)]);
/** Otherwise as they are by default: a hundred kills are to fit into minutes. */
const TIMES = ['--restart-delay-min', '50ms', '--restart-delay-max', '500ms', '--healthy-time', '1s'];
const DISK = '96m';

export class ChaosNode {
  readonly clock = new WallClock();
  readonly server = new AdsServer();
  readonly node: TestNode;
  readonly #versions: readonly Installation[];
  #version = 0;
  #mesh = 0;
  /** The newest mesh that the daemon is known to have put into force; undefined: a change is under way. */
  #known: number | undefined = 0;
  #serverRuns = false;
  readonly #ballast: string;
  load: Load | undefined;
  /** Agents that ended though nobody had killed them: a daemon that is killed before it is ready ends its agent. */
  endedByThemselves = 0;

  constructor(folder: string, cgroup: string, versions: readonly Installation[], hangLimit: string) {
    const disk = path.join(folder, 'disk');
    fs.mkdirSync(disk);
    run('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=700`, 'tmpfs', disk]);
    this.#ballast = path.join(disk, 'ballast');
    this.#versions = versions;
    const args = ['--xds-plaintext', '--on-stop', 'keep', '--hang-limit', hangLimit, ...TIMES, ...SIZES];
    this.node = new TestNode({ cgroup, get xdsAddress() { return address(); }, stateDir: path.join(disk, 'state'), args, env: this.clock.env });
    const address = (): string => this.server.address;
  }

  get layoutVersion(): number {
    return this.#versions[this.#version]!.layoutVersion;
  }

  get serverRuns(): boolean {
    return this.#serverRuns;
  }

  get daemonPid(): number | undefined {
    return [...this.node.log].reverse().find((line) => line['transition'] === 'starting')?.['pid'] as number | undefined;
  }

  /** Who may answer now. */
  get truth(): Truth {
    return this.#known === undefined ? union(this.#before, rightOf(this.#mesh)) : rightOf(this.#mesh);
  }

  /** Everything that was right since the last change that is known to be in force. */
  #before: Truth = rightOf(0);

  async startServer(): Promise<void> {
    if (this.#serverRuns) return;
    await this.server.start();
    this.#serverRuns = true;
  }

  stopServer(): void {
    this.server.stop();
    this.#serverRuns = false;
  }

  /** Tells the control plane of another mesh. Those who may answer are told before. */
  change(mesh: number): void {
    this.#before = this.truth;
    this.#mesh = mesh;
    this.#known = undefined;
    this.load?.tell(this.truth);
    this.server.serve(meshOf(mesh));
  }

  start(): void {
    this.node.start(this.#versions[this.#version]!.folder);
  }

  /** Starts an agent that ended, as a container runtime does; one that says that it has no room gets some, as from an operator. */
  revive(): void {
    if (this.node.runs) return;
    this.endedByThemselves += 1;
    const { code } = (this.node.log.at(-1)?.['error'] ?? {}) as { code?: string };
    if (code === 'KM_STATE_DIR') this.freeDisk();
    this.start();
  }

  async killAgent(): Promise<void> {
    await this.node.stop('SIGKILL');
    this.start();
  }

  /** Stops the agent, and starts the one of the other version. */
  async upgrade(): Promise<void> {
    await this.node.stop('SIGTERM');
    this.#version = 1 - this.#version;
    this.start();
  }

  fillDisk(): void {
    const fd = fs.openSync(this.#ballast, 'w');
    const block = Buffer.alloc(1 << 16);
    try {
      for (;;) fs.writeSync(fd, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      fs.closeSync(fd);
    }
  }

  freeDisk(): void {
    fs.rmSync(this.#ballast, { force: true });
  }

  /** Resolves when the daemon is ready with the mesh of the control plane; from then on only its backends are right. */
  async settle(): Promise<void> {
    await eventually('the daemon has the mesh of the control plane in force', async () => {
      this.revive();
      return (await this.#inForce()) === slotsOf(this.#mesh);
    }, 180);
    this.#known = this.#mesh;
    this.load?.tell(this.truth);
  }

  async #inForce(): Promise<string | undefined> {
    try {
      const { ready, stale } = await this.node.admin<{ ready: boolean; stale: boolean }>('/healthz/ready');
      if (!ready || stale) return undefined;
      const { slots } = await this.node.admin<{ slots: { cluster: string; endpoint: string; alias: string }[] }>('/bpf/kmesh/maps');
      return slots.map(({ cluster, endpoint }) => `${cluster} ${endpoint}`).sort().join();
    } catch {
      return undefined;
    }
  }

  /** The command `cleanup` of the version that runs, after the agent was stopped. */
  async cleanup(cgroup: string, spawnAgent: (words: readonly string[]) => ReturnType<typeof import('node:child_process').spawn>): Promise<number> {
    const child = spawnAgent([path.join(this.#versions[this.#version]!.folder, 'agent.js'), 'cleanup', '--state-dir', this.node.stateDir, '--cgroup2-path', this.node.cgroup2Path, '--attach-cgroup', path.basename(cgroup)]);
    const [code] = (await once(child, 'exit')) as [number];
    return code;
  }

  unmount(folder: string): void {
    run('umount', [path.join(folder, 'disk')]);
  }
}
