// SPDX-License-Identifier: Apache-2.0
import type { Fact } from './fact.js';
import type { KernelFacts } from './facts.js';
import { type HelperFacts, helperFact } from './helperFacts.js';
import { l7Obstacles, type L7Situation, type Obstacle } from './l7.js';
import type { MacroName, Macros } from './macros.js';

export type CapabilityName =
  | 'l4-ipv4'
  | 'l4-ipv6'
  | 'l7-http'
  | 'pod-management'
  | 'loopback-disambiguation'
  | 'nat-acceleration'
  | 'uid-gid-filter';

/** One thing that the node can do for the mesh, or not. Read by people and, as JSON, by tools. */
export interface Capability {
  readonly name: CapabilityName;
  /** For people. */
  readonly title: string;
  readonly state: 'on' | 'off';
  /** On: what shows it; off: everything in the way. */
  readonly reason: string;
  /** What would turn it on; missing where nothing on this node would. */
  readonly remedy?: string;
}

/** What phases found out that is no property of the kernel. `unknown`: not tried by this command. */
export interface Situation extends L7Situation {
  /** The L4 programs are compiled, and attached once the daemon is up. */
  readonly l4Programs: Fact;
  /** Labels decide which pods are in the mesh. */
  readonly podPrograms: Fact;
}

/**
 * Helpers without which the L4 programs do not load (bpf/; a test compares). `set_retval` is not among them:
 * without it a refusal is EPERM.
 */
export const L4_HELPERS = [
  'get_current_uid_gid',
  'get_netns_cookie',
  'get_prandom_u32',
  'map_lookup_elem',
  'sk_storage_delete',
  'sk_storage_get',
  'sock_ops_cb_flags_set',
  'spin_lock',
  'spin_unlock',
] as const;

/** Helpers that the programs call besides those for requests; the loader leaves these programs out where they are missing. */
export const L7_HELPERS = ['get_socket_cookie', 'map_delete_elem', 'map_update_elem', 'probe_read_kernel', 'setsockopt'] as const;

export function decideCapabilities(facts: KernelFacts, helpers: HelperFacts, macros: Macros, situation: Situation): Capability[] {
  const l4 = l4Obstacles(facts, helpers, situation);
  const l7 = [...l4, ...missingHelpers(helpers, L7_HELPERS), ...l7Obstacles(facts, situation)];
  const l4Evidence = `${helpersEvidence(helpers)}; ${situation.l4Programs.evidence}`;
  return [
    decide('l4-ipv4', 'L4 steering, IPv4', l4, l4Evidence),
    decide('l4-ipv6', 'L4 steering, IPv6', [...l4, ...ipv6Obstacles(facts)], l4Evidence),
    decide('l7-http', 'L7 HTTP routing', l7.length === 0 ? [] : [...l7, ...unusedHelpers(macros)], l7Evidence(situation)),
    decide('pod-management', 'Per-pod management', [...l4, ...podObstacles(macros, situation)], `${macros.MDA_LOOPBACK_ADDR.evidence}; ${situation.podPrograms.evidence}`),
    notBuilt('loopback-disambiguation', 'Loopback disambiguation', macros, 'MDA_LOOPBACK_ADDR'),
    notBuilt('nat-acceleration', 'NAT acceleration', macros, 'MDA_NAT_ACCEL'),
    notBuilt('uid-gid-filter', 'uid/gid filter', macros, 'MDA_GID_UID_FILTER'),
  ];
}

function decide(name: CapabilityName, title: string, obstacles: readonly Obstacle[], evidence: string): Capability {
  return obstacles.length === 0 ? { name, title, state: 'on', reason: evidence } : off(name, title, obstacles);
}

function off(name: CapabilityName, title: string, obstacles: readonly Obstacle[]): Capability {
  const remedies = obstacles.flatMap((obstacle) => obstacle.remedy ?? []);
  const reason = obstacles.map((obstacle) => obstacle.reason).join('; ');
  return { name, title, state: 'off', reason, ...(remedies.length === 0 ? {} : { remedy: remedies.join('; ') }) };
}

function l4Obstacles(facts: KernelFacts, helpers: HelperFacts, situation: Situation): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (facts.bpfSyscall.answer === 'no') {
    obstacles.push({ reason: `the kernel has no BPF: ${facts.bpfSyscall.evidence}`, remedy: 'boot a kernel with CONFIG_BPF_SYSCALL=y' });
  }
  if (facts.cgroupBpf.answer === 'no') {
    obstacles.push({
      reason: `BPF programs cannot be attached to cgroups: ${facts.cgroupBpf.evidence}`,
      remedy: 'boot a kernel with CONFIG_CGROUP_BPF=y',
    });
  }
  obstacles.push(...missingHelpers(helpers, L4_HELPERS));
  if (situation.l4Programs.answer === 'no') obstacles.push({ reason: situation.l4Programs.evidence });
  return obstacles;
}

function missingHelpers(helpers: HelperFacts, needed: readonly string[]): Obstacle[] {
  const missing = needed.filter((helper) => helperFact(helpers, helper).answer === 'no');
  if (missing.length === 0) return [];
  return [{ reason: `the kernel lacks BPF helpers: ${missing.join(', ')}`, remedy: 'boot a kernel with them (all are in Linux 5.10)' }];
}

/** A kernel with Kmesh's patches could read requests by itself; whoever runs one asks why it does not. */
function unusedHelpers({ ENHANCED_KERNEL: { value, evidence } }: Macros): Obstacle[] {
  return value === 0 ? [] : [{ reason: `this build routes by kmesh.ko and not by the kernel's own helpers for request heads (${evidence})` }];
}

function podObstacles({ MDA_LOOPBACK_ADDR: { value, evidence } }: Macros, { podPrograms }: Situation): Obstacle[] {
  if (value === 0) return [{ reason: `the programs cannot tell network namespaces apart: ${evidence}`, remedy: 'boot a kernel with the helper (it is in Linux 5.7)' }];
  return podPrograms.answer === 'no' ? [{ reason: podPrograms.evidence }] : [];
}

function helpersEvidence(helpers: HelperFacts): string {
  return helpers.source === 'none' ? 'which helpers the kernel has is not known' : 'the kernel has every helper that is needed';
}

function ipv6Obstacles(facts: KernelFacts): Obstacle[] {
  if (facts.ipv6.answer !== 'no') return [];
  return [{ reason: `the kernel has no IPv6: ${facts.ipv6.evidence}`, remedy: 'boot without ipv6.disable=1, with CONFIG_IPV6' }];
}

function l7Evidence({ module, requestPrograms }: Situation): string {
  return `${module.evidence}; ${requestPrograms.evidence}`;
}

/** A capability without code in this build stays off whatever the kernel has; the kernel's part is told all the same. */
function notBuilt(name: CapabilityName, title: string, macros: Macros, macro: MacroName): Capability {
  const { value, evidence } = macros[macro];
  const kernel = value === 1 ? `the kernel would allow it (${evidence})` : `nor would the kernel allow it (${evidence})`;
  return { name, title, state: 'off', reason: `not in this build; ${kernel}` };
}
