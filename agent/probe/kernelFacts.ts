// SPDX-License-Identifier: Apache-2.0
import { type Btf, enumHas, hasFunction } from './btf.js';
import { cgroupVersion } from './cgroup.js';
import { distributionOf } from './distributions.js';
import { type Fact, no, unknown, yes } from './fact.js';
import type { KernelFacts } from './facts.js';
import { configFact } from './kconfig.js';
import { armedKprobesFact, kernelReadsFact, moduleLoadingFact, type ModuleRules, unsignedModulesFact } from './moduleRules.js';
import type { Mount } from './mountinfo.js';
import type { OsRelease } from './osRelease.js';
import { type SourceText, iterUbufFact } from './uioHeader.js';

/** What was read about a kernel, parsed. Everything but the release may be missing. */
export interface KernelSources {
  readonly release: string;
  readonly architecture: string;
  readonly osRelease?: OsRelease | undefined;
  readonly config?: { readonly path: string; readonly options: ReadonlyMap<string, string> } | undefined;
  readonly btf?: { readonly path: string; readonly btf: Btf } | undefined;
  /** include/linux/uio.h of the kernel's header tree. */
  readonly uioHeader?: SourceText | undefined;
  /** /proc/modules is there; undefined: this is not about the running kernel. */
  readonly procModules?: boolean | undefined;
  /** How the running kernel restricts modules; undefined: this is not about the running kernel. */
  readonly moduleRules?: ModuleRules | undefined;
  /** /proc/net/if_inet6 is there; undefined: this is not about the running kernel. */
  readonly procIfInet6?: boolean | undefined;
  readonly mounts?: readonly Mount[] | undefined;
  readonly memoryLimitBytes?: number | undefined;
  readonly cpuLimit?: number | undefined;
}

/** Turns what was read into facts. What the kernel shows of itself comes before what its configuration says. */
export function kernelFacts(sources: KernelSources): KernelFacts {
  const btf = sources.btf?.btf;
  const config = (name: string): Fact => configFact(sources.config?.options, name, sources.config?.path ?? '');
  const cgroup = sources.mounts === undefined ? { version: 'none' as const, evidence: 'the mounts were not readable' } : cgroupVersion(sources.mounts);
  const rules = sources.moduleRules ?? {};
  return {
    release: sources.release,
    architecture: sources.architecture,
    distributionName: sources.osRelease?.prettyName ?? 'unknown',
    distribution: distributionOf(sources.osRelease),
    configSource: sources.config?.path,
    moduleSupport: seen('/proc/modules', sources.procModules) ?? config('CONFIG_MODULES'),
    moduleLoading: moduleLoadingFact(rules),
    unsignedModules: unsignedModulesFact(rules),
    kprobes: armedKprobesFact(rules) ?? shown(btf, KPROBE_FUNCTION, (types) => hasFunction(types, KPROBE_FUNCTION)) ?? config('CONFIG_KPROBES'),
    kernelReads: kernelReadsFact(rules),
    btf: sources.btf === undefined ? noBtf(config('CONFIG_DEBUG_INFO_BTF')) : yes(`read from ${sources.btf.path}`),
    bpfSyscall: shown(btf, 'enum bpf_func_id', (types) => enumHas(types, 'bpf_func_id', 'BPF_FUNC_map_lookup_elem')) ?? config('CONFIG_BPF_SYSCALL'),
    cgroupBpf: shown(btf, CGROUP_BPF_FUNCTION, (types) => hasFunction(types, CGROUP_BPF_FUNCTION)) ?? config('CONFIG_CGROUP_BPF'),
    ipv6: seen('/proc/net/if_inet6', sources.procIfInet6) ?? config('CONFIG_IPV6'),
    iterUbuf: iterUbufFact(btf, sources.uioHeader),
    kfunc: kfuncFact(btf),
    cgroupVersion: cgroup.version,
    cgroupEvidence: cgroup.evidence,
    memoryLimitBytes: sources.memoryLimitBytes,
    cpuLimit: sources.cpuLimit,
  };
}

/** Runs the programs of cgroup/connect4 and its like (kernel/bpf/cgroup.c); only there with CONFIG_CGROUP_BPF. */
const CGROUP_BPF_FUNCTION = '__cgroup_bpf_run_filter_sock_addr';

/** kernel/kprobes.c; without CONFIG_KPROBES an inline function of a header, which no BTF describes. */
const KPROBE_FUNCTION = 'register_kprobe';

function seen(path: string, present: boolean | undefined): Fact | undefined {
  if (present === undefined) return undefined;
  return present ? yes(`${path} is there`) : no(`${path} is not there`);
}

/** Only a find proves something: the absence of a type can have reasons of the compiler's. */
function shown(btf: Btf | undefined, what: string, find: (btf: Btf) => boolean): Fact | undefined {
  return btf !== undefined && find(btf) ? yes(`${what} is in the kernel's BTF`) : undefined;
}

function noBtf(config: Fact): Fact {
  return config.answer === 'yes' ? unknown(`${config.evidence}, but no BTF was read`) : config;
}

const KFUNC_REGISTRATION = 'register_btf_kfunc_id_set';

function kfuncFact(btf: Btf | undefined): Fact {
  if (btf === undefined) return unknown(`${KFUNC_REGISTRATION}: no BTF was read`);
  return hasFunction(btf, KFUNC_REGISTRATION)
    ? yes(`${KFUNC_REGISTRATION} is in the kernel's BTF`)
    : no(`${KFUNC_REGISTRATION} is not in the kernel's BTF`);
}
