// SPDX-License-Identifier: Apache-2.0
/**
 * A node on which the whole start works, in memory: files, a kernel that takes mounts and kmesh.ko, tools that are
 * functions, a daemon, a clock that only waiting moves. Nothing of the machine that runs the test is in it.
 */
import path from 'node:path';
import { ExecError, type Exec, type ExecFailure, type Exit, type Service, type StartService } from '../../../agent/exec.js';
import type { HttpAnswer, Sys } from '../../../agent/sys.js';
import { BTF, HEADERS, INSTALLED, MOUNTS, RELEASE, WHOLE } from '../machines.js';
import { headerTree } from '../capturedRoot.js';
import { buildIdNote, moduleImage, objectImage } from './kernelModule.js';
import { MemoryFiles } from './memoryFiles.js';

export const STATE = '/var/lib/kmesh';
export const CGROUP2 = '/mnt/kmesh_cgroup2';
export const BPFFS = '/mnt/kmesh_bpf';
export const DAEMON = path.join(INSTALLED, 'daemon.js');
export const CNI_CONF = '/etc/cni/net.d';
export const CNI_BIN = '/opt/cni/bin';
const BUILD_ID = 'aa11aa11';
const SYSFS = '/sys/module/kmesh';
const PACKED_MODULE = `/lib/modules/${RELEASE}/kernel/net/tls/tls.ko.xz`;
const AGENT_PID = 1;
const OBJECT = objectImage();

export function toolError(command: string, change: Partial<ExecFailure> = {}): ExecError {
  return new ExecError({ reason: 'exit 1', command, exit: { code: 1, signal: undefined }, timedOut: false, tail: [`${command}: it failed`], ...change });
}

interface Mounted {
  readonly folder: string;
  readonly fsType: string;
  readonly id: number;
}

export class SyntheticNode {
  readonly files: MemoryFiles;
  readonly #mounts: Mounted[];
  /** The daemon that runs; undefined: none does. */
  daemon: { readonly pid: number; readonly end: (exit: Exit) => void } | undefined;
  servers = 0;
  now = 0;
  /** Waits of one run; more than any start has means that one never ends. */
  #sleeps = 0;
  #daemons = 0;
  #random = 0;

  private constructor(files: MemoryFiles, mounts: readonly Mounted[]) {
    this.files = files;
    this.#mounts = [...mounts];
  }

  static fresh(): SyntheticNode {
    const files = new MemoryFiles();
    files.add(WHOLE);
    files.add({
      ...headerTree(HEADERS, RELEASE, { config: ['CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14) 12.2.0"', 'CONFIG_GCC_VERSION=120200', 'CONFIG_STACKPROTECTOR_STRONG=y', 'CONFIG_DEBUG_INFO_BTF_MODULES=y'] }),
      [path.join(HEADERS, 'include/linux/uio.h')]: 'enum iter_type {\n\tITER_IOVEC,\n\tITER_UBUF,\n};\n',
      [`/proc/${AGENT_PID}/stat`]: `${AGENT_PID} (node) S 0 ${'0 '.repeat(17)}100 0\n`,
      '/proc/self/ns/cgroup': { link: 'cgroup:[4026531835]' },
      [`/proc/vmstat`]: 'oom_kill 0\n',
      '/sys/fs/cgroup/kubepods/pod1/memory.events': 'oom 0\noom_kill 0\n',
      '/sys/fs/cgroup/kubepods/pod1/cpu.max': 'max 100000\n',
      [path.join(INSTALLED, 'kernel/kmesh.c')]: 'int x;\n',
      [PACKED_MODULE]: 'packed',
      [path.join(CNI_CONF, '10-net.conflist')]: '{"cniVersion": "1.0.0", "name": "net", "plugins": [\n  {"type": "bridge"},\n  {"type": "portmap"}\n]}\n',
      [path.join(CNI_BIN, 'bridge')]: 'bridge',
      [path.join(INSTALLED, 'cni/kmesh-cni')]: 'kmesh-cni of the Kmesh node agent, as it was built',
      '/var/run/.keep': '',
    });
    files.put('/sys/kernel/btf/vmlinux', BTF);
    return new SyntheticNode(files, []);
  }

  /** The same node for another run: of its processes only those that run go on. */
  copy(): SyntheticNode {
    const node = new SyntheticNode(new MemoryFiles(this.files.items), this.#mounts);
    node.#daemons = this.#daemons;
    node.#random = this.#random;
    return node;
  }

  get moduleLoaded(): boolean {
    return this.files.items.has(`${SYSFS}/parameters/abi`);
  }

  /** It is in the kernel and takes over sockets. */
  get moduleInUse(): boolean {
    return this.files.text(`${SYSFS}/parameters/accepting`) === 'Y\n';
  }

  readonly exec: Exec = async (file, args, options) => {
    if (options.signal?.aborted === true) throw toolError(file, { reason: 'killed by SIGTERM', exit: { code: undefined, signal: 'SIGTERM' } });
    const stdout = this.#tool(file, args);
    return { stdout, tail: [] };
  };

  #tool(file: string, args: readonly string[]): string {
    const last = args.at(-1) ?? '';
    switch (path.basename(file)) {
      case 'clang':
        return 'Debian clang version 14.0.6\n';
      case 'gcc-12':
        return 'gcc-12 (Debian 12.2.0-14) 12.2.0\n';
      case 'pahole':
        return 'v1.24\n';
      case 'fixdep':
      case 'modpost':
        throw toolError(file);
      case 'make':
        return this.#make(args);
      case 'setpriv':
        return '';
      case 'xz':
        this.files.put(last.replace(/\.xz$/, ''), moduleImage(RELEASE, 'cc33'));
        return '';
      case 'mount':
        this.#mount(last, args);
        return '';
      case 'umount':
        this.#umount(last);
        return '';
      case 'insmod':
        this.#insmod(last);
        return '';
      case 'rmmod':
        this.#rmmod();
        return '';
      default:
        if (file !== process.execPath || !args.includes('--cleanup')) throw toolError(file, { reason: 'could not be started (ENOENT)', errno: 'ENOENT', exit: { code: undefined, signal: undefined } });
        this.files.removeBelow(path.join(BPFFS, 'bpf_kmesh'));
        this.files.items.delete(path.join(BPFFS, 'bpf_kmesh'));
        return '';
    }
  }

  #make(args: readonly string[]): string {
    const word = (name: string): string | undefined => args.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    const [object, module] = [word('O'), word('M')];
    if (object !== undefined) this.files.put(path.join(object, 'kmesh.bpf.o'), OBJECT);
    if (module !== undefined) this.files.put(path.join(module, 'kmesh.ko'), moduleImage(RELEASE, BUILD_ID));
    return '';
  }

  #mount(folder: string, args: readonly string[]): void {
    const fsType = args.includes('--bind') || args.includes('cgroup2') ? 'cgroup2' : 'bpf';
    this.#mounts.push({ folder, fsType, id: 10 + this.#mounts.length });
    if (fsType === 'cgroup2') this.files.put(path.join(folder, 'cgroup.controllers'), 'cpu memory\n');
    this.#showMounts();
  }

  #umount(folder: string): void {
    const index = this.#mounts.findIndex((mount) => mount.folder === folder);
    if (index === -1) throw toolError('umount', { tail: [`umount: ${folder}: not mounted.`] });
    this.#mounts.splice(index, 1);
    this.files.removeBelow(folder);
    this.#showMounts();
  }

  #showMounts(): void {
    const own = this.#mounts.map(({ folder, fsType, id }) => `${id} 1 ${fsType === 'cgroup2' ? `0:30 / ${folder} rw - cgroup2 cgroup rw,nsdelegate` : `0:${id} / ${folder} rw - bpf kmesh-agent rw,mode=700`}`);
    this.files.put('/proc/self/mountinfo', `${[...MOUNTS, ...own].join('\n')}\n`);
  }

  #insmod(file: string): void {
    if (this.moduleLoaded) throw toolError('insmod', { tail: ['insmod: ERROR: could not insert module: File exists'] });
    if (this.files.items.get(file) === undefined) throw toolError('insmod', { tail: ['insmod: ERROR: could not load module: No such file or directory'] });
    this.files.put('/proc/modules', 'ext4 1 0 - Live 0x0\nkmesh 57344 0 - Live 0x0 (OE)\n');
    this.files.add({ [`${SYSFS}/parameters/abi`]: '3\n', [`${SYSFS}/parameters/accepting`]: 'Y\n', [`${SYSFS}/parameters/fallback_ms`]: '1000\n', [`${SYSFS}/counters/deferred`]: '0\n', [`${SYSFS}/counters/armed`]: '0\n' });
    this.files.put(`${SYSFS}/notes/.note.gnu.build-id`, buildIdNote(BUILD_ID));
  }

  /** As the kernel: a link that is pinned holds the module. */
  #rmmod(): void {
    if (!this.moduleLoaded) throw toolError('rmmod', { tail: ['rmmod: ERROR: Module kmesh is not currently loaded'] });
    if (this.files.items.has(path.join(BPFFS, 'bpf_kmesh/links/request'))) throw toolError('rmmod', { tail: ['rmmod: ERROR: Module kmesh is in use'] });
    this.files.put('/proc/modules', 'ext4 1 0 - Live 0x0\n');
    this.files.removeBelow(SYSFS);
    this.files.items.delete(SYSFS);
  }

  readonly startService: StartService = async () => {
    this.#daemons += 1;
    const pid = 1000 + this.#daemons;
    const record = `/proc/${pid}`;
    this.files.put(`${record}/stat`, `${pid} (node) S 1 ${'0 '.repeat(17)}${pid} 0\n`);
    this.files.add({ [path.join(BPFFS, 'bpf_kmesh/links/connect4')]: '', ...(this.moduleLoaded ? { [path.join(BPFFS, 'bpf_kmesh/links/request')]: '' } : {}) });
    let resolve: (exit: Exit) => void = () => {};
    const exited = new Promise<Exit>((done) => (resolve = done));
    const end = (exit: Exit): void => {
      if (this.daemon?.pid !== pid) return;
      this.daemon = undefined;
      this.files.removeBelow(record);
      this.files.items.delete(record);
      resolve(exit);
    };
    this.daemon = { pid, end };
    // The real one's exit code for programs that the kernel does not take.
    const object = [...this.files.items.keys()].find((one) => one.endsWith('bpf/kmesh.bpf.o'));
    if (object === undefined || this.files.text(object) !== OBJECT.toString('utf8')) end({ code: 3, signal: undefined });
    return { pid, exited, tail: () => [], kill: () => end({ code: 0, signal: undefined }) } satisfies Service;
  };

  async #answer(): Promise<HttpAnswer | undefined> {
    if (this.daemon === undefined) return undefined;
    const l7 = this.moduleLoaded ? { state: 'on', reason: 'programs for requests are attached' } : { state: 'off', reason: 'kmesh.ko is not loaded' };
    return { status: 200, body: JSON.stringify({ ready: true, l7 }) };
  }

  get sys(): Sys {
    const { writeExisting } = this.files.sys;
    return {
      ...this.files.sys,
      // The kernel shows a switch as a letter, however it was written.
      writeExisting: (file, text) => writeExisting(file, file.startsWith(SYSFS) ? (text === '1' ? 'Y\n' : 'N\n') : text),
      watchFolders: () => ({ close: () => {} }),
      followKernelLog: () => ({ read: () => [], close: () => {} }),
      httpGet: () => this.#answer(),
      httpsGet: () => Promise.reject(new Error('there is no cluster')),
      serveHttp: async ({ port }) => {
        this.servers += 1;
        return { port, close: async () => void (this.servers -= 1) };
      },
      residentBytes: () => 50 << 20,
      sleep: async (ms) => {
        this.#sleeps += 1;
        if (this.#sleeps > 100_000) throw new Error('the synthetic node has waited 100,000 times: something waits for ever');
        this.now += ms;
        await new Promise((done) => setImmediate(done));
      },
      kill: (pid) => {
        const lives = this.daemon?.pid === Math.abs(pid);
        if (lives) this.daemon?.end({ code: undefined, signal: 'SIGTERM' });
        return lives;
      },
      now: () => this.now,
      random: () => (this.#random = (this.#random + 0.618033988749895) % 1),
      effectiveUid: 0,
      pid: AGENT_PID,
      kernelRelease: RELEASE,
      architecture: 'x86_64',
      cpus: 4,
      env: { PATH: '/usr/bin' },
    };
  }
}
