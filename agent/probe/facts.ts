// SPDX-License-Identifier: Apache-2.0
import type { CgroupVersion } from './cgroup.js';
import type { Distribution } from './distributions.js';
import type { Fact } from './fact.js';

export { type HelperDisagreement, type HelperFacts, helperFact, mergeHelpers } from './helperFacts.js';

/** What detect-kernel found out about the node. */
export interface KernelFacts {
  /** `uname -r`. */
  readonly release: string;
  /** `uname -m`. */
  readonly architecture: string;
  /** PRETTY_NAME of the host's os-release, or `unknown`. */
  readonly distributionName: string;
  /** Row of the distribution table; decides the wording of remedies. */
  readonly distribution: Distribution;
  /** Where the kernel configuration was read; undefined: nowhere. */
  readonly configSource: string | undefined;
  readonly moduleSupport: Fact;
  /** Nobody has forbidden to load modules since the boot. */
  readonly moduleLoading: Fact;
  /** A module without a signature is accepted. */
  readonly unsignedModules: Fact;
  /** Kernel functions can be probed, and the probes are armed. */
  readonly kprobes: Fact;
  /** eBPF programs may read the kernel's memory. */
  readonly kernelReads: Fact;
  /** The kernel describes its own types (/sys/kernel/btf/vmlinux). */
  readonly btf: Fact;
  readonly bpfSyscall: Fact;
  /** eBPF programs can be attached to cgroups. */
  readonly cgroupBpf: Fact;
  readonly ipv6: Fact;
  /** `enum iter_type` has ITER_UBUF. */
  readonly iterUbuf: Fact;
  /** The kernel has the function register_btf_kfunc_id_set. */
  readonly kfunc: Fact;
  readonly cgroupVersion: CgroupVersion;
  readonly cgroupEvidence: string;
  /** Limit of the own cgroup in bytes; undefined: none, or not readable. */
  readonly memoryLimitBytes: number | undefined;
  /** CPUs that the own cgroup may use, for example 1.5; undefined: none, or not readable. */
  readonly cpuLimit: number | undefined;
}
