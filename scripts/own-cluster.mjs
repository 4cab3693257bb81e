// SPDX-License-Identifier: Apache-2.0
// A Kubernetes of one node on this machine, with a kubelet, containerd and istiod, made by the tools of ../shared/tools and ended by them. Its network is
// a namespace of its own, and what Kmesh writes on a node (/mnt, /var/lib/kmesh, the programs' cgroup) lands where nothing else of this machine lives.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './setup.mjs';

const TOOLS = path.join(root, '../shared/tools');
/** As kmesh.yaml names them on the node. */
const NODE_FOLDERS = ['/var/lib/kmesh', '/run/kmesh'];
/** A file in each of them on the machine: whoever removes an empty folder takes away what is mounted there in other mount namespaces, too. */
const IN_USE = '.test-kube';
/** Of all pods, in the hierarchy of cgroup2. */
const CGROUP = 'kubepods';

export const hasTools = () => existsSync(path.join(TOOLS, 'kube-up.sh'));

/** A program is built anew when its sources change. */
function cached(cache, name) {
  const folder = path.join(TOOLS, name);
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(path.join(folder, file)));
  return path.join(cache, `${name}-${hash.digest('hex').slice(0, 12)}`);
}

/** Where the cgroup2 hierarchy is mounted here. */
function cgroup2() {
  const found = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' - ')).find(([, right]) => right?.startsWith('cgroup2 '));
  if (found === undefined) throw new Error('there is no cgroup2 here, to which programs could be attached');
  return found[0].split(' ')[4];
}

/** The deepest first, the folder itself at the end. */
function foldersBelow(folder) {
  if (!existsSync(folder)) return [];
  const below = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());
  return [...below.flatMap(({ name }) => foldersBelow(path.join(folder, name))), folder];
}

export class OwnCluster {
  #cache;
  #state;
  #begun = false;

  /** @param cache folder that is kept: programs, images */
  constructor(cache) {
    this.#cache = cache;
    this.#state = path.join(cache, 'cluster');
  }

  /** @returns environment and command prefix of those who talk to it, and the command that loads an image archive */
  async up(run) {
    const state = this.#state;
    mkdirSync(state, { recursive: true });
    this.#claim();
    this.#begun = true;
    this.#kubeDown();
    // Images stay; everything else of the run before goes.
    if (readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${state}/`)) throw new Error(`something is mounted below ${state}`);
    for (const name of ['etcd', 'kubelet', 'pki', 'pod-logs', 'cni-lib', 'log']) rmSync(path.join(state, name), { recursive: true, force: true });
    const env = { ...process.env, KUBELITE: cached(this.#cache, 'kubelite'), ISTIOD: cached(this.#cache, 'istiod') };
    await run(path.join(TOOLS, 'kube-up.sh'), [state, '--node'], env);
    await this.#shield(run);
    const istiod = await run(path.join(TOOLS, 'istiod-up.sh'), [state], env);
    const xdsAddress = /(\S+) \(TLS\)/.exec(istiod)?.[1];
    if (xdsAddress === undefined) throw new Error(`istiod-up.sh does not say where istiod listens with TLS: ${istiod}`);
    const prefix = ['nsenter', `--net=${readFileSync(path.join(state, 'netns'), 'utf8').trim()}`];
    return { prefix, load: ['ctr', '--address', path.join(state, 'containerd.sock'), '--namespace', 'k8s.io', 'images', 'import'], env: { KUBECONFIG: path.join(state, 'kubeconfig'), KUBE_STATE: state, KUBE_ATTACH_CGROUP: CGROUP, XDS_ADDRESS: xdsAddress } };
  }

  /** Ends all of it, also what came up only in part. */
  async down() {
    if (!this.#begun) return;
    this.#kubeDown();
    for (const folder of NODE_FOLDERS) rmSync(path.join(folder, IN_USE), { force: true });
    for (const folder of [...foldersBelow(path.join(cgroup2(), CGROUP)), ...NODE_FOLDERS]) {
      try {
        rmdirSync(folder);
      } catch {
        // Not there, or somebody else's.
      }
    }
    rmSync(this.#claimFile, { force: true });
  }

  get #claimFile() {
    return path.join(this.#state, 'runner');
  }

  /** One run at a time; what a run that was killed left is ended. */
  #claim() {
    const other = existsSync(this.#claimFile) ? readFileSync(this.#claimFile, 'utf8') : '';
    if (other !== '' && existsSync(`/proc/${other}`)) throw new Error(`another run uses ${this.#state} (pid ${other})`);
    writeFileSync(this.#claimFile, String(process.pid));
  }

  #kubeDown() {
    const { status } = spawnSync(path.join(TOOLS, 'kube-down.sh'), [this.#state], { stdio: ['ignore', 2, 2] });
    if (status !== 0) process.stderr.write(`test:kube: kube-down.sh ended with ${status}\n`);
  }

  /**
   * In the node's own mount namespace Kmesh's folders are the cluster's. Pods are steered and not the whole machine: on a host whose pods are in cgroup v1,
   * runc puts them into the cgroup2 of the same name or leaves them in that of containerd, as it sees one or not; so containerd goes there, too.
   */
  async #shield(run) {
    const pid = readFileSync(path.join(this.#state, 'pid/containerd'), 'utf8').trim();
    for (const folder of NODE_FOLDERS) {
      const kept = path.join(this.#state, 'node', folder);
      rmSync(kept, { recursive: true, force: true });
      for (const one of [kept, folder]) mkdirSync(one, { recursive: true });
      writeFileSync(path.join(folder, IN_USE), '');
      await run('nsenter', ['-t', pid, '-m', 'mount', '--bind', kept, folder]);
    }
    await run('nsenter', ['-t', pid, '-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
    const folder = path.join(cgroup2(), CGROUP);
    // With cgroup2 alone it is the kubelet's, with controllers, and takes no processes.
    if (existsSync(path.join(folder, 'cgroup.controllers')) && readFileSync(path.join(folder, 'cgroup.controllers'), 'utf8').trim() !== '') return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'cgroup.procs'), pid);
  }
}
