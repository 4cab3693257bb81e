// SPDX-License-Identifier: Apache-2.0
import { type Fact, no, unknown, yes } from './fact.js';

/** Contents of files by which a kernel restricts modules and their tools; a missing one could not be read. */
export interface ModuleRules {
  /** /proc/sys/kernel/modules_disabled */
  readonly modulesDisabled?: string | undefined;
  /** /sys/module/module/parameters/sig_enforce, there with CONFIG_MODULE_SIG */
  readonly sigEnforce?: string | undefined;
  /** /sys/kernel/security/lockdown, such as `none [integrity] confidentiality` */
  readonly lockdown?: string | undefined;
  /** /sys/kernel/debug/kprobes/enabled */
  readonly kprobesEnabled?: string | undefined;
}

export const MODULE_RULE_FILES: Readonly<Record<keyof ModuleRules, string>> = {
  modulesDisabled: '/proc/sys/kernel/modules_disabled',
  sigEnforce: '/sys/module/module/parameters/sig_enforce',
  lockdown: '/sys/kernel/security/lockdown',
  kprobesEnabled: '/sys/kernel/debug/kprobes/enabled',
};

const { modulesDisabled, sigEnforce, lockdown, kprobesEnabled } = MODULE_RULE_FILES;

/** Whether modules may be loaded and removed at all. */
export function moduleLoadingFact(rules: ModuleRules): Fact {
  if (rules.modulesDisabled === undefined) return unknown(`${modulesDisabled} was not readable`);
  return rules.modulesDisabled.trim() === '1' ? no(`${modulesDisabled} is 1 until the next boot`) : yes(`${modulesDisabled} is 0`);
}

/** Whether a module without a signature may be loaded (module_sig_check(), kernel/module/signing.c). */
export function unsignedModulesFact(rules: ModuleRules): Fact {
  if (rules.sigEnforce?.trim() === 'Y') return no(`${sigEnforce} is Y`);
  const level = lockdownLevel(rules);
  if (level !== undefined && level !== 'none') return no(`${lockdown} is ${level}`);
  return rules.sigEnforce === undefined && level === undefined ? unknown(`neither ${sigEnforce} nor ${lockdown} was readable`) : yes('no file says that modules must be signed');
}

/**
 * Whether eBPF programs may read the kernel's memory. At the level confidentiality bpf_probe_read_kernel() is no
 * known function to the verifier (LOCKDOWN_BPF_READ_KERNEL, kernel/trace/bpf_trace.c).
 */
export function kernelReadsFact(rules: ModuleRules): Fact {
  const level = lockdownLevel(rules);
  if (level === undefined) return unknown(`${lockdown} was not readable`);
  return level === 'confidentiality' ? no(`${lockdown} is ${level}`) : yes(`${lockdown} is ${level}`);
}

/** Whether kprobes are armed; undefined: the kernel does not show it. */
export function armedKprobesFact(rules: ModuleRules): Fact | undefined {
  if (rules.kprobesEnabled === undefined) return undefined;
  return rules.kprobesEnabled.trim() === '0' ? no(`${kprobesEnabled} is 0`) : yes(`${kprobesEnabled} is 1`);
}

const lockdownLevel = (rules: ModuleRules): string | undefined => /\[(\w+)\]/.exec(rules.lockdown ?? '')?.[1];
