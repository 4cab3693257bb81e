// SPDX-License-Identifier: Apache-2.0
/** The container of kmesh.yaml under runc, for scenarios with `images`: what a kubelet of this guest would make of its arguments, environment, volumes and limit. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SHARED, shareMountsOf } from './agent.js';
import { mountDisk } from './disks.js';
import type { GuestImages, ImageName } from './plan.js';
import type { Context } from './scenario.js';

const STATUS = { host: '127.0.0.1', port: 15021 };
const LOOK_MS = 500;
/** In the place of the cluster's own: the mesh of the samples, and fields of a pod. */
const MESH = '/mesh';
const FIELDS: Readonly<Record<string, string>> = { 'spec.nodeName': 'guest', 'metadata.name': 'kmesh-abcde', 'metadata.namespace': 'kmesh-system', 'status.podIPs': '127.0.0.1' };

export const readGuestImages = (): GuestImages => JSON.parse(fs.readFileSync('/kmesh/files/images.json', 'utf8')) as GuestImages;

export class Container {
  readonly #runc: ChildProcess;
  readonly #name: string;
  readonly #bundle: string;
  readonly #logFile: string;
  readonly #ended: Promise<unknown>;

  private constructor(name: string, bundle: string, logFile: string) {
    this.#name = name;
    this.#bundle = bundle;
    this.#logFile = logFile;
    const log = fs.openSync(logFile, 'w');
    this.#runc = spawn('runc', ['run', '--bundle', bundle, name], { stdio: ['ignore', log, log] });
    fs.closeSync(log);
    this.#ended = once(this.#runc, 'close');
  }

  static async start(context: Context, image: ImageName): Promise<Container> {
    for (const place of SHARED) await shareMountsOf(context, place);
    const bundle = path.join(context.folder, image);
    await mountRoot(context, image, bundle);
    fs.writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(configuration(context, image, bundle)));
    return new Container(image, bundle, path.join(context.folder, `${image}.log`));
  }

  /** All that it has written, as `kubectl logs` shows it. */
  log(): string {
    return fs.readFileSync(this.#logFile, 'utf8');
  }

  /** Asks as kubelet does. @throws with the log when the container ends before */
  async ready(): Promise<void> {
    let ended = false;
    void this.#ended.then(() => (ended = true));
    while ((await statusOf('/healthz/ready')) !== 200) {
      if (ended) throw new Error(`the container ended with ${this.#runc.exitCode}:\n${this.log()}`);
      await delay(LOOK_MS);
    }
  }

  /** Waits for an end that comes by itself. @returns the exit code of its PID 1 */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#runc.exitCode;
  }

  /** As kubelet ends it. @returns the exit code, and the seconds that it took */
  async stop({ sh }: Context): Promise<{ readonly code: number | null; readonly seconds: number }> {
    const began = Date.now();
    await sh('runc', 'kill', this.#name, 'TERM');
    return { code: await this.ended(), seconds: (Date.now() - began) / 1000 };
  }

  /** What was mounted for it. */
  async remove({ sh }: Context): Promise<void> {
    for (const name of ['rootfs', 'disk']) await sh('umount', path.join(this.#bundle, name));
  }
}

const statusOf = (file: string): Promise<number | undefined> =>
  new Promise((resolve) => {
    http.get({ ...STATUS, path: file, agent: false }, (response) => resolve(response.resume().statusCode)).on('error', () => resolve(undefined));
  });

/** The image below, a layer of its own above it. */
async function mountRoot(context: Context, image: ImageName, bundle: string): Promise<void> {
  const [disk, layer] = [path.join(bundle, 'disk'), path.join(bundle, 'layer')];
  await mountDisk(context, `image-${image}`, disk, 'ro');
  for (const name of ['rootfs', 'layer/upper', 'layer/work']) fs.mkdirSync(path.join(bundle, name), { recursive: true });
  await context.sh('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=${disk},upperdir=${layer}/upper,workdir=${layer}/work`, path.join(bundle, 'rootfs'));
}

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The runtime specification's config.json, of a privileged container in the network of its host. */
function configuration({ project }: Context, image: ImageName, bundle: string): object {
  const { images, container, volumes } = readGuestImages();
  const { entrypoint, workingDir, env } = images[image]!;
  const own = container.env.map((one) => `${one.name}=${one.name === 'XDS_ADDRESS' ? `file://${MESH}` : 'value' in one ? one.value : FIELDS[one.valueFrom.fieldRef.fieldPath]}`);
  const mounts = container.volumeMounts.map(({ name, mountPath, mountPropagation, readOnly }): Mount => {
    const from = volumes.find((one) => one.name === name)?.hostPath?.path ?? path.join(bundle, 'volumes', name);
    fs.mkdirSync(from, { recursive: true });
    return { destination: mountPath, type: 'bind', source: from, options: ['rbind', readOnly === true ? 'ro' : 'rw', mountPropagation === 'Bidirectional' ? 'rshared' : 'rprivate'] };
  });
  const all = allCapabilities();
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: [...entrypoint, ...container.args],
      env: [...env, ...own],
      cwd: workingDir,
      capabilities: { bounding: all, effective: all, permitted: all },
    },
    root: { path: 'rootfs' },
    hostname: 'guest',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: [] },
      { destination: '/dev', type: 'bind', source: '/dev', options: ['rbind', 'rw'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['rw'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['rw'] },
      ...mounts,
      { destination: MESH, type: 'bind', source: path.join(project, 'samples/mesh'), options: ['rbind', 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })),
      rootfsPropagation: 'rshared',
      cgroupsPath: `/${image}`,
      resources: { devices: [{ allow: true, access: 'rwm' }], memory: { limit: Number.parseInt(container.resources.limits.memory, 10) * 2 ** 20 } },
    },
  };
}

/** By the names of linux/capability.h, in the order of their numbers, as far as this kernel has them. */
function allCapabilities(): readonly string[] {
  const names = ('CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER ' +
    'SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP ' +
    'MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE').split(' ');
  return names.slice(0, Number(fs.readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')) + 1).map((name) => `CAP_${name}`);
}
