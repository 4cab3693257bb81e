// SPDX-License-Identifier: Apache-2.0
import type { InstallHints, KmeshError } from './errors.js';
import type { Btf } from './probe/btf.js';
import type { KernelFacts } from './probe/facts.js';
import type { HelperFacts } from './probe/helperFacts.js';
import type { Macros } from './probe/macros.js';
import type { HeaderTree } from './gather/headerTree.js';
import type { ModuleFile } from './gather/moduleFile.js';
import type { CapabilityName } from './probe/capabilities.js';
import type { Lock } from '../common/fileLock.js';
import type { SigningPair } from './probe/signing.js';
import type { Fact } from './probe/fact.js';

/** What detect-kernel found besides the facts. */
export interface KernelFiles {
  readonly configText: string | undefined;
  readonly headerTree: HeaderTree;
  readonly libbpfVersion: string | undefined;
  /** Files that count processes killed for memory in the agent's cgroup. */
  readonly memoryEventFiles: readonly string[];
  /** File of the smallest memory limit; undefined: none is set. */
  readonly memoryLimitFile?: string | undefined;
}

/** Where this node's build goes; all paths absolute. */
export interface Build {
  readonly key: string;
  readonly folder: string;
  /** Generated headers. */
  readonly include: string;
  /** Compiled objects; the folder is there only when it is complete. */
  readonly objects: string;
  /** kmesh.ko; likewise. */
  readonly module: string;
}

/** A compiler for kernel modules that is there. */
export interface Toolchain {
  readonly program: string;
  /** First line of its `--version`. */
  readonly version: string;
  /** How kbuild is told to use it. */
  readonly makeWords: readonly string[];
}

/** The file of --module, or why it is not used. */
export type GivenModule = { readonly file: ModuleFile } | { readonly unusable: KmeshError };

/** What takes the place of compilers. */
export interface Prebuilt {
  /** For messages: `the bundle /x/y.tar`. */
  readonly title: string;
  /** The eBPF object; undefined: it is in the build folder already. */
  readonly object: Uint8Array | undefined;
  /** kmesh.ko, with its contents likewise; undefined: it has none. */
  readonly module: { readonly bytes: Uint8Array | undefined; readonly signed: boolean } | undefined;
}

/** A key and a certificate that modules are signed with, or why they are not used. */
export type Signing = (SigningPair & { readonly key: string; readonly certificate: string }) | { readonly unusable: KmeshError };

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
  /** Compiler for kernel modules; undefined: none is there, or none is needed. */
  toolchain: Toolchain | undefined;
  /** A bundle, or an earlier build where a compiler is missing; undefined: this node compiles. */
  prebuilt: Prebuilt | undefined;
  /** Marks the build as used until the process ends. */
  buildUse: Lock;
  /** What --module-signing-key and --module-signing-cert name; undefined: nothing. */
  signing: Signing | undefined;
  /** What --module names. */
  givenModule: GivenModule | undefined;
  /** The kmesh.ko to load. */
  module: ModuleFile;
  /** kmesh.ko is in the kernel and takes connections over. */
  moduleState: Fact;
  /** What the daemon says: the programs that route requests are in force. */
  requestPrograms: Fact;
  /** What the daemon says: labels decide which pods are in the mesh. */
  podPrograms: Fact;
  /** Capabilities that the node came up without, since a phase failed. */
  forgone: ReadonlyMap<CapabilityName, KmeshError>;
}
