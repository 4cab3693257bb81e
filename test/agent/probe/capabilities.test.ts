// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { btfHelpers, parseBtf } from '../../../agent/probe/btf.js';
import { stripComments } from '../../../agent/probe/cText.js';
import { type Capability, type CapabilityName, L4_HELPERS, L7_HELPERS, type Situation, decideCapabilities } from '../../../agent/probe/capabilities.js';
import { no, unknown, yes } from '../../../agent/probe/fact.js';
import type { KernelFacts } from '../../../agent/probe/facts.js';
import { mergeHelpers } from '../../../agent/probe/helperFacts.js';
import { kernelFacts } from '../../../agent/probe/kernelFacts.js';
import { decideMacros } from '../../../agent/probe/macros.js';
import { parseOsRelease } from '../../../agent/probe/osRelease.js';

const ALL: Record<string, number> = Object.fromEntries([...L4_HELPERS, ...L7_HELPERS].map((name, i) => [name, i + 1]));
const FACTS: KernelFacts = {
  ...kernelFacts({ release: '6.1.0-18-amd64', architecture: 'x86_64', osRelease: parseOsRelease('ID=debian') }),
  moduleSupport: yes('CONFIG_MODULES=y'), bpfSyscall: yes('CONFIG_BPF_SYSCALL=y'), cgroupBpf: yes('CONFIG_CGROUP_BPF=y'), ipv6: yes('CONFIG_IPV6=y'),
};
const SITUATION: Situation = {
  l4Programs: yes('programs attached'), moduleSources: yes('kernel/ is there'), kernelHeaders: yes('/lib/modules/R/build'), moduleGiven: false, moduleSigned: false,
  mayLoadModules: yes('CAP_SYS_MODULE'), module: yes('kmesh.ko is in the kernel'), requestPrograms: yes('requests are routed'), podPrograms: yes('labels decide'),
};

function decide(facts: Partial<KernelFacts> = {}, situation: Partial<Situation> = {}, helpers = ALL): Record<CapabilityName, Capability> {
  const merged = mergeHelpers(undefined, { source: 'btf', name: 'BTF', helpers: new Map(Object.entries(helpers)) });
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

const NO_MODULE = { module: unknown('not loaded yet'), requestPrograms: unknown('not told') };

t.test('L7 is on when the module is in and its programs route', (t) => {
  t.match(decide()['l7-http'], { state: 'on', reason: 'kmesh.ko is in the kernel; requests are routed' });
  t.match(decide({}, NO_MODULE)['l7-http'], { state: 'on', reason: 'not loaded yet; not told' }, 'unknown is not no');
  t.match(decide({}, { requestPrograms: no('its tracepoint is not attached') })['l7-http'], { state: 'off', reason: 'its tracepoint is not attached' });
  t.match(decide({}, { l4Programs: no('the start failed: KM_DAEMON_PORT') })['l7-http'], { state: 'off', reason: 'the start failed: KM_DAEMON_PORT' });
  const failure = { reason: 'KM_MODULE_COMPILE: exit 2', remedy: 'read it' };
  t.match(decide({}, { kernelHeaders: no('gone'), failure })['l7-http'], { state: 'on' }, 'what could not be built now was loaded by an earlier run');
  t.end();
});

t.test('what turns L7 off says so and says what to do', (t) => {
  const cases: [string, Partial<KernelFacts>, Partial<Situation>, RegExp, RegExp][] = [
    ['no modules', { moduleSupport: no('/proc/modules is not there') }, {}, /^the kernel cannot load modules: \/proc\/modules is not there$/, /CONFIG_MODULES=y/],
    ['no kprobes', { kprobes: no('CONFIG_KPROBES is not set') }, {}, /^kmesh\.ko cannot take connections over without kprobes: CONFIG_KPROBES is not set$/, /CONFIG_KPROBES=y/],
    ['locked down', { kernelReads: no('lockdown is confidentiality') }, {}, /may not read request heads: lockdown is confidentiality/, /lockdown=integrity/],
    ['closed until the next boot', { moduleLoading: no('modules_disabled is 1') }, {}, /no longer be loaded: modules_disabled is 1/, /reboot/],
    ['without the right', {}, { mayLoadModules: no('the agent lacks CAP_SYS_MODULE') }, /^the agent lacks CAP_SYS_MODULE$/, /privileged/],
    ['signed modules only', { unsignedModules: no('sig_enforce is Y') }, {}, /only loads signed modules: sig_enforce is Y/, /--module/],
    ['no sources', {}, { moduleSources: no('there is no kernel/Makefile') }, /no sources of kmesh\.ko: there is no kernel\/Makefile/, /install the agent anew/],
    ['no headers', {}, { kernelHeaders: no('none of them') }, /^no kernel headers: none of them$/, /^apt-get install linux-headers-6\.1\.0-18-amd64$/],
    ['a phase failed', {}, { failure: { reason: 'KM_MODULE_FORMAT: no', remedy: 'the headers' } }, /^KM_MODULE_FORMAT: no$/, /^the headers$/],
  ];
  for (const [name, facts, situation, reason, remedy] of cases) t.match(decide(facts, { ...NO_MODULE, ...situation })['l7-http'], { state: 'off', reason, remedy }, name);
  const older = { ...ALL };
  delete older['probe_read_kernel'];
  t.match(decide({}, {}, older), { 'l4-ipv4': { state: 'on' }, 'l7-http': { state: 'off', reason: 'the kernel lacks BPF helpers: probe_read_kernel' } });
  t.match(decide({}, { ...NO_MODULE, module: no('the module was removed') })['l7-http'], { state: 'off', reason: 'the module was removed' });
  t.match(decide({ unsignedModules: no('secure boot') }, { ...NO_MODULE, moduleGiven: true, moduleSigned: true })['l7-http'], { state: 'on' }, 'a signed module may do');
  t.match(decide({}, { ...NO_MODULE, moduleGiven: true, kernelHeaders: no('gone') })['l7-http'], { state: 'on' }, 'a module that is there needs no headers');
  t.end();
});

t.test("Kmesh's own helpers neither stand in for the module nor go unmentioned", (t) => {
  const enhanced = { ...ALL, parse_header_msg: 175 };
  t.match(decide({}, {}, enhanced)['l7-http'], { state: 'on', reason: 'kmesh.ko is in the kernel; requests are routed' });
  t.match(decide({}, { ...NO_MODULE, kernelHeaders: no('gone') }, enhanced)['l7-http'], { state: 'off', reason: /^no kernel headers: gone; .*own helpers for request heads \(helper parse_header_msg has id 175/, remedy: /linux-headers/ });
  t.end();
});

t.test('everything in the way of L7 is told at once, but not what would not help', (t) => {
  const several = decide({ kprobes: no('off') }, { ...NO_MODULE, kernelHeaders: no('gone'), mayLoadModules: no('the agent lacks CAP_SYS_MODULE') })['l7-http'];
  t.match(several.reason, /kprobes: off; the agent lacks CAP_SYS_MODULE; no kernel headers: gone/);
  const frozen = decide({ moduleSupport: no('gone') }, { ...NO_MODULE, kernelHeaders: no('gone'), mayLoadModules: no('no right') })['l7-http'];
  t.equal(frozen.reason, 'the kernel cannot load modules: gone');
  t.end();
});

t.test('pods are told apart where the kernel has the helper and the daemon manages them', (t) => {
  const able = { ...ALL, get_netns_cookie: 122 };
  const { get_netns_cookie: _, ...unable } = able;
  t.match(decide({}, {}, able)['pod-management'], { state: 'on', reason: 'helper get_netns_cookie has id 122 in BTF; labels decide' });
  t.match(decide({}, { podPrograms: unknown('not told') }, able)['pod-management'], { state: 'on', reason: /not told$/ }, 'unknown is not no');
  t.match(decide({}, { podPrograms: no('--manage all') }, able)['pod-management'], { state: 'off', reason: '--manage all' });
  t.match(decide({}, {}, unable)['pod-management'], { state: 'off', reason: 'the kernel lacks BPF helpers: get_netns_cookie; the programs cannot tell network namespaces apart: helper get_netns_cookie is not in BTF', remedy: /5\.7/ });
  t.match(decide({ bpfSyscall: no('off') }, {}, able)['pod-management'], { state: 'off', reason: /no BPF: off/ });
  t.end();
});

t.test('what has no code stays off, with the helper or without', (t) => {
  const { get_netns_cookie: _, ...mainline } = ALL;
  const vendor = { ...ALL, get_netns_cookie: 122, sk_original_addr: 157, get_sockops_uid_gid: 156 };
  for (const [name, helper] of [
    ['loopback-disambiguation', 'get_netns_cookie'],
    ['nat-acceleration', 'sk_original_addr'],
    ['uid-gid-filter', 'get_sockops_uid_gid'],
  ] as const) {
    t.match(decide({}, {}, vendor)[name], { state: 'off', reason: new RegExp(`^not in this build; the kernel would allow it .*${helper} has id`) });
    t.match(decide({}, {}, mainline)[name], { state: 'off', reason: new RegExp(`^not in this build; nor would the kernel .*${helper} is not in`) });
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
  // Only called where KM_HAVE_SET_RETVAL and KM_HAVE_LOOP say that they are there.
  for (const optional of ['set_retval', 'loop']) called.delete(optional);
  t.same([...called].sort(), [...L4_HELPERS, ...L7_HELPERS].sort());
  t.end();
});
