// SPDX-License-Identifier: Apache-2.0
import type { InstallHints } from './errors.js';
import type { Btf } from './probe/btf.js';
import type { KernelFacts } from './probe/facts.js';
import type { HelperFacts } from './probe/helperFacts.js';
import type { Macros } from './probe/macros.js';
import type { HeaderTree } from './gather/headerTree.js';

/** What detect-kernel found besides the facts. */
export interface KernelFiles {
  readonly configText: string | undefined;
  readonly headerTree: HeaderTree;
  readonly libbpfVersion: string | undefined;
  /** Files that count processes killed for memory in the agent's cgroup. */
  readonly memoryEventFiles: readonly string[];
}

/** Where this node's build goes; all paths absolute. */
export interface Build {
  readonly key: string;
  readonly folder: string;
  /** Generated headers. */
  readonly include: string;
  /** Compiled objects; the folder is there only when it is complete. */
  readonly objects: string;
}

/** What phases leave for later phases. */
export interface Results {
  /** How to install tools on the system that the agent runs in. */
  hints: InstallHints;
  kernel: KernelFacts;
  kernelFiles: KernelFiles;
  /** Types of the running kernel; dropped after read-helpers, since they take megabytes. */
  btf: Btf | undefined;
  helpers: HelperFacts;
  macros: Macros;
  build: Build;
  /** The cgroup2 folder that programs are attached to. */
  attachFolder: string;
}
