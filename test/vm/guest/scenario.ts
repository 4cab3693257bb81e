// SPDX-License-Identifier: Apache-2.0
/** What a file of test/vm/scenarios exports, and what it is given. Nothing happens at its import: the host reads it too. */
import type { ModuleSources } from '../moduleBuild.js';
import type { ImageName } from './plan.js';

export interface Scenario {
  /** As after --only, and as the file is named. */
  readonly name: string;
  /** After this long in a guest it has failed; on the debug kernel after four times as long. Default: 120. */
  readonly limitSeconds?: number;
  /** Both processors take turns in one thread of the emulator; see test/vm/qemu.ts. For what changes the kernel's text again and again while other processors run it. */
  readonly oneThread?: boolean;
  /** The kernels that it runs on. Default: all. */
  readonly kernels?: readonly string[];
  /** Modules to build outside for it, by name. Folders from the top of the project. */
  readonly modules?: Readonly<Record<string, ModuleSources>>;
  /** Boots a machine of its own: it leaves things changed, or needs all the memory. */
  readonly alone?: boolean;
  /** How often its machine is booted, each time with the same disk for mountKeptDisk(), which the next kernel of the same run finds too. Makes it `alone`. */
  readonly boots?: number;
  /** Container images that it runs; see container.ts. Makes it `alone`. */
  readonly images?: readonly ImageName[];
  /** What the console must hold in the end, for a scenario that shows that the scan bites. Makes it `alone`. */
  consoleReports?(kernel: string): readonly RegExp[];
  run(t: Checks, context: Context): Promise<void>;
}

export interface Checks {
  ok(value: unknown, name: string, detail?: unknown): void;
  equal(found: unknown, wanted: unknown, name: string): void;
  match(found: string, pattern: RegExp, name: string): void;
  /** Shown while the scenario runs. */
  note(text: string): void;
  /** Has the power of the machine cut; for scenarios with `boots`. Resolves never. */
  cutPower(): Promise<never>;
}

export interface Context {
  /** As on the command line of the harness: 6.1, debug. */
  readonly kernel: string;
  /** What `uname -r` says. */
  readonly release: string;
  /** How many times slower this kernel is than the others, for waiting. */
  readonly slowness: number;
  /** Which boot of this kernel it is, from 1; see `boots`. */
  readonly boot: number;
  /** The project as a user has it after `npm start`: agent.js, daemon.js, bpf/, kernel/, samples/; read-only. */
  readonly project: string;
  /** Modules that were built outside, by name: hello -> /kmesh/modules/hello.ko. */
  readonly modules: Readonly<Record<string, string>>;
  /** An empty folder of the scenario's own. */
  readonly folder: string;
  /** Runs a command to its end. Resolves with its output. @throws with what it wrote when it does not end with 0. */
  sh(command: string, ...args: readonly string[]): Promise<string>;
}
