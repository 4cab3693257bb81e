// SPDX-License-Identifier: Apache-2.0
// The part of a kernel that the agent sees of kmesh.ko: /proc/modules, /sys/module/kmesh, insmod and rmmod, the kernel's
// log, in the place of the real ones.
import { existsSync } from 'node:fs';
import type { Context } from '../../agent/context.js';
import { ExecError } from '../../agent/exec.js';
import { type Sys, sys } from '../../agent/sys.js';
import { errno } from './agentContext.js';

const SYSFS = '/sys/module/kmesh/';

export interface FakeModule {
  readonly buildId?: string;
  /** undefined: it is another project's. */
  readonly abi?: number | undefined;
  readonly state?: 'Live' | 'Loading' | 'Unloading';
  accepting?: boolean;
  deferred?: number;
  armed?: number;
  references?: number;
}

export interface FakeKernelOptions {
  loaded?: FakeModule | undefined;
  /** Modules by the path of their file. */
  readonly files?: Readonly<Record<string, FakeModule>>;
  /** How long each connection that is held back takes to go on, once nothing is accepted. */
  readonly drainMs?: number;
  readonly fallbackMs?: number;
  /** What insmod says instead of loading. */
  readonly insmodSays?: string | undefined;
  /** What the kernel logs meanwhile. */
  readonly logs?: readonly string[];
  /** What rmmod says, one answer a call; then it removes. */
  readonly rmmodSays?: readonly string[];
  /** It may not read the kernel's log. */
  readonly mute?: boolean;
}

/** A kernel with a clock of its own; `events` is what was done to it, in order. */
export class FakeKernel {
  readonly events: string[] = [];
  readonly #options: FakeKernelOptions;
  readonly #rmmodSays: string[];
  loaded: FakeModule | undefined;
  #now = 0;
  #stoppedAt: number | undefined;

  constructor(options: FakeKernelOptions = {}) {
    this.#options = options;
    this.#rmmodSays = [...(options.rmmodSays ?? [])];
    this.loaded = options.loaded;
  }

  get now(): number {
    return this.#now;
  }

  readonly exec: Context['exec'] = async (tool, args) => {
    this.events.push([tool, ...args].join(' '));
    if (tool === 'insmod') this.#insmod(args[0] ?? '');
    else if (tool === 'rmmod') this.#rmmod();
    else throw new Error(`${tool} is not for this kernel`);
    return { stdout: '', tail: [] };
  };

  #insmod(file: string): void {
    const { insmodSays } = this.#options;
    if (insmodSays !== undefined) fail('insmod', `insmod: ERROR: could not insert module ${file}: ${insmodSays}`);
    if (this.loaded !== undefined) fail('insmod', `insmod: ERROR: could not insert module ${file}: File exists`);
    this.loaded = { accepting: true, ...this.#options.files?.[file] };
    this.#stoppedAt = undefined;
  }

  #rmmod(): void {
    const says = this.#rmmodSays.shift();
    if (says !== undefined) fail('rmmod', `rmmod: ERROR: ${says}`);
    if (this.#deferred() > 0) fail('rmmod', 'rmmod: ERROR: Module kmesh is in use');
    this.loaded = undefined;
  }

  #deferred(): number {
    const { deferred = 0 } = this.loaded ?? {};
    const { drainMs = 0 } = this.#options;
    if (this.#stoppedAt === undefined) return deferred;
    return Math.max(0, drainMs === 0 ? 0 : deferred - Math.floor((this.#now - this.#stoppedAt) / drainMs));
  }

  #text(file: string): string | undefined {
    const { loaded } = this;
    if (file === '/proc/modules') {
      return loaded === undefined ? 'ext4 1 0 - Live 0x0\n' : `ext4 1 0 - Live 0x0\nkmesh 57344 ${loaded.references ?? this.#deferred()} - ${loaded.state ?? 'Live'} 0x0 (OE)\n`;
    }
    if (loaded === undefined || !file.startsWith(SYSFS)) return undefined;
    const values: Record<string, string | number | undefined> = {
      'parameters/abi': loaded.abi,
      'parameters/accepting': loaded.accepting === true ? 'Y' : 'N',
      'parameters/fallback_ms': this.#options.fallbackMs,
      'counters/deferred': this.#deferred(),
      'counters/armed': loaded.armed ?? 0,
    };
    const value = values[file.slice(SYSFS.length)];
    return value === undefined ? undefined : `${value}\n`;
  }

  /** What a test context gets of this kernel; all else is the real world. */
  get sys(): Partial<Sys> {
    const own = (file: string): boolean => file === '/proc/modules' || file.startsWith(SYSFS);
    return {
      readText: async (file, maxBytes) => {
        const text = this.#text(file);
        if (text === undefined && own(file)) throw errno('ENOENT');
        return text ?? sys.readText(file, maxBytes);
      },
      readBytes: async (file, maxBytes) => {
        if (!file.startsWith(`${SYSFS}notes/`)) return sys.readBytes(file, maxBytes);
        const { buildId } = this.loaded ?? {};
        if (buildId === undefined) throw errno('ENOENT');
        const [header, id] = [Buffer.alloc(12), Buffer.from(buildId, 'hex')];
        header.writeUInt32LE(4, 0);
        header.writeUInt32LE(id.length, 4);
        header.writeUInt32LE(3, 8);
        return Buffer.concat([header, Buffer.from('GNU\0'), id]);
      },
      writeExisting: async (file, text) => {
        if (this.loaded === undefined || file !== `${SYSFS}parameters/accepting`) throw errno('ENOENT');
        this.events.push(`accepting=${text}`);
        this.loaded.accepting = text === '1';
        this.#stoppedAt = text === '1' ? undefined : this.#now;
      },
      removeTree: async (target) => {
        if (existsSync(target)) this.events.push(`unlink ${target}`);
        await sys.removeTree(target);
      },
      followKernelLog: () => {
        if (this.#options.mute === true) return undefined;
        return { read: () => (this.#options.logs ?? []).map((line, i) => `4,${i},1,-;${line}\n`), close: () => this.events.push('log closed') };
      },
      now: () => this.#now,
      sleep: async (ms) => void (this.#now += ms),
    };
  }
}

function fail(tool: string, line: string): never {
  throw new ExecError({ reason: 'exit 1', command: tool, exit: { code: 1, signal: undefined }, timedOut: false, tail: [line] });
}
