// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { btfHelpers, parseBtf } from '../../../agent/probe/btf.js';
import { stripComments } from '../../../agent/probe/cText.js';
import { type Capability, type CapabilityName, L4_HELPERS, type Situation, decideCapabilities } from '../../../agent/probe/capabilities.js';
import { no, unknown, yes } from '../../../agent/probe/fact.js';
import type { KernelFacts } from '../../../agent/probe/facts.js';
import { mergeHelpers } from '../../../agent/probe/helperFacts.js';
import { kernelFacts } from '../../../agent/probe/kernelFacts.js';
import { decideMacros } from '../../../agent/probe/macros.js';
import { parseOsRelease } from '../../../agent/probe/osRelease.js';

const ALL_L4: Record<string, number> = Object.fromEntries(L4_HELPERS.map((name, i) => [name, i + 1]));
const FACTS: KernelFacts = {
  ...kernelFacts({ release: '6.1.0-18-amd64', architecture: 'x86_64', osRelease: parseOsRelease('ID=debian') }),
  moduleSupport: yes('CONFIG_MODULES=y'), bpfSyscall: yes('CONFIG_BPF_SYSCALL=y'), cgroupBpf: yes('CONFIG_CGROUP_BPF=y'), ipv6: yes('CONFIG_IPV6=y'),
};
const SITUATION: Situation = { l4Programs: yes('programs attached'), moduleSources: true, kernelHeaders: yes('/lib/modules/R/build') };

function decide(facts: Partial<KernelFacts> = {}, situation: Partial<Situation> = {}, helpers = ALL_L4): Record<CapabilityName, Capability> {
  const merged = mergeHelpers(undefined, new Map(Object.entries(helpers)));
  const all = { ...FACTS, ...facts };
  const macros = decideMacros(all, merged, '1.1.2', all.iterUbuf, all.kfunc);
  const list = decideCapabilities(all, merged, macros, { ...SITUATION, ...situation });
  return Object.fromEntries(list.map((capability) => [capability.name, capability])) as Record<CapabilityName, Capability>;
}

t.test('L4 on a good kernel', (t) => {
  t.match(decide(), { 'l4-ipv4': { state: 'on', reason: /programs attached/ }, 'l4-ipv6': { state: 'on' } });
  t.notOk('remedy' in decide()['l4-ipv4']);
  t.match(decide({}, { l4Programs: unknown('not compiled by this command') })['l4-ipv4'], { state: 'on', reason: /not compiled by this command/ });
  t.end();
});

t.test('what turns L4 off says so and says what to do', (t) => {
  const cases: [string, Capability, RegExp, RegExp][] = [
    ['no BPF', decide({ bpfSyscall: no('CONFIG_BPF_SYSCALL is not set') })['l4-ipv4'], /no BPF: CONFIG_BPF_SYSCALL is not set/, /CONFIG_BPF_SYSCALL=y/],
    ['no cgroup BPF', decide({ cgroupBpf: no('off') })['l4-ipv4'], /cgroups: off/, /CONFIG_CGROUP_BPF=y/],
    ['a helper is missing', decide({}, {}, { map_lookup_elem: 1 })['l4-ipv4'], /lacks BPF helpers: .*sk_storage_get/, /5\.10/],
    ['no IPv6', decide({ ipv6: no('/proc/net/if_inet6 is not there') })['l4-ipv6'], /no IPv6/, /ipv6\.disable/],
  ];
  for (const [name, capability, reason, remedy] of cases) t.match(capability, { state: 'off', reason, remedy }, name);
  t.match(decide({ ipv6: no('gone') })['l4-ipv4'], { state: 'on' }, 'IPv4 goes on without IPv6');
  t.match(decide({}, { l4Programs: no('clang: error') })['l4-ipv4'], { state: 'off', reason: 'clang: error' });
  t.match(decide({ bpfSyscall: unknown('?'), cgroupBpf: unknown('?') })['l4-ipv4'], { state: 'on' }, 'unknown is not no');
  t.end();
});

t.test('L7 is never on, and tells everything in the way at once', (t) => {
  t.match(decide()['l7-http'], { state: 'off', reason: /^not in this build/ });
  t.match(decide({}, { moduleSources: false, kernelHeaders: no('/lib/modules/R/build is not there') })['l7-http'], {
    state: 'off',
    reason: /not in this build: it has no sources of kmesh\.ko; no kernel headers: \/lib\/modules\/R\/build is not there/,
    remedy: /apt-get install linux-headers-6\.1\.0-18-amd64/,
  });
  const frozen = decide({ moduleSupport: no('/proc/modules is not there') }, { kernelHeaders: no('gone') })['l7-http'];
  t.match(frozen, { reason: /cannot load modules: \/proc\/modules is not there/, remedy: /CONFIG_MODULES=y/ });
  t.notMatch(frozen.remedy, /linux-headers/, 'headers would not help there');
  t.end();
});

t.test('what has no code stays off, with the helper or without', (t) => {
  const vendor = { ...ALL_L4, get_netns_cookie: 122, sk_original_addr: 157, get_sockops_uid_gid: 156 };
  for (const [name, helper] of [
    ['pod-management', 'get_netns_cookie'],
    ['loopback-disambiguation', 'get_netns_cookie'],
    ['nat-acceleration', 'sk_original_addr'],
    ['uid-gid-filter', 'get_sockops_uid_gid'],
  ] as const) {
    t.match(decide({}, {}, vendor)[name], { state: 'off', reason: new RegExp(`^not in this build; the kernel would allow it .*${helper} has id`) });
    t.match(decide()[name], { state: 'off', reason: new RegExp(`^not in this build; nor would the kernel .*${helper} is not in`) });
  }
  t.end();
});

const BPF_FOLDER = fileURLToPath(new URL('../../../bpf/', import.meta.url));
const VMLINUX = '/sys/kernel/btf/vmlinux';
t.test('the list of needed helpers is what the eBPF sources call', { skip: existsSync(VMLINUX) || process.env['CI'] === 'true' ? false : 'no BTF to know helpers by' }, (t) => {
  const sources = readdirSync(BPF_FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) => /\.[ch]$/.test(file));
  const text = sources.map((file) => stripComments(readFileSync(BPF_FOLDER + file, 'utf8')).text).join('\n');
  const known = btfHelpers(parseBtf(readFileSync(VMLINUX)));
  const called = new Set([...text.matchAll(/\bbpf_(\w+)\s*\(/g)].map((match) => match[1] ?? '').filter((name) => known?.has(name)));
  called.delete('set_retval'); // Only called where KM_HAVE_SET_RETVAL says that it is there.
  t.same([...called].sort(), [...L4_HELPERS].sort());
  t.end();
});
