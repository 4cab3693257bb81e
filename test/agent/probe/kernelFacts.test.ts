// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parseBtf } from '../../../agent/probe/btf.js';
import { type KernelSources, kernelFacts } from '../../../agent/probe/kernelFacts.js';
import { parseKconfig } from '../../../agent/probe/kconfig.js';
import { parseOsRelease } from '../../../agent/probe/osRelease.js';
import { type TypeSpec, btfImage } from './btfImage.js';

const of = (sources: Partial<KernelSources>): ReturnType<typeof kernelFacts> => kernelFacts({ release: '6.1.0', architecture: 'x86_64', ...sources });
const config = (...lines: string[]): KernelSources['config'] => ({ path: '/boot/config', options: parseKconfig(['CONFIG_64BIT=y', ...lines].join('\n')) });
const btf = (...specs: TypeSpec[]): KernelSources['btf'] => ({ path: '/b', btf: parseBtf(btfImage(specs)) });
const FUNC_IDS: TypeSpec = { kind: 'enum', name: 'bpf_func_id', values: [['BPF_FUNC_map_lookup_elem', 1]] };

t.test('nothing could be read: nothing is denied', (t) => {
  const facts = of({});
  for (const name of ['moduleSupport', 'btf', 'bpfSyscall', 'cgroupBpf', 'ipv6', 'iterUbuf', 'kfunc'] as const) {
    t.equal(facts[name].answer, 'unknown', name);
  }
  t.match(facts, { distributionName: 'unknown', distribution: { family: 'unknown' }, configSource: undefined, cgroupVersion: 'none' });
  t.end();
});

t.test('the configuration answers', (t) => {
  const facts = of({ config: config('CONFIG_MODULES=y', 'CONFIG_BPF_SYSCALL=y', '# CONFIG_CGROUP_BPF is not set', 'CONFIG_IPV6=m', 'CONFIG_DEBUG_INFO_BTF=y') });
  t.match(facts, { moduleSupport: { answer: 'yes' }, bpfSyscall: { answer: 'yes' }, cgroupBpf: { answer: 'no' }, ipv6: { answer: 'yes' }, configSource: '/boot/config' });
  t.equal(facts.btf.answer, 'unknown', 'configured, but nobody could read it');
  t.equal(of({ config: config() }).btf.answer, 'no');
  t.end();
});

t.test('the kernel itself beats a configuration that lies about it', (t) => {
  const lies = config('CONFIG_MODULES=y', '# CONFIG_BPF_SYSCALL is not set', '# CONFIG_CGROUP_BPF is not set', 'CONFIG_IPV6=y');
  const facts = of({
    config: lies, procModules: false, procIfInet6: false,
    btf: btf(FUNC_IDS, { kind: 'func', name: '__cgroup_bpf_run_filter_sock_addr' }),
  });
  t.match(facts, { moduleSupport: { answer: 'no', evidence: /\/proc\/modules/ }, bpfSyscall: { answer: 'yes' }, cgroupBpf: { answer: 'yes' }, ipv6: { answer: 'no' } });
  t.end();
});

t.test('a type that is missing from the BTF proves nothing by itself', (t) => {
  t.equal(of({ btf: btf() }).cgroupBpf.answer, 'unknown');
  t.equal(of({ btf: btf(), config: config('CONFIG_CGROUP_BPF=y') }).cgroupBpf.answer, 'yes');
  t.end();
});

t.test('ITER_UBUF and the kfunc registration', (t) => {
  const modern = btf({ kind: 'enum', name: 'iter_type', values: [['ITER_UBUF', 0]] }, { kind: 'func', name: 'register_btf_kfunc_id_set' });
  t.match(of({ btf: modern }), { iterUbuf: { answer: 'yes' }, kfunc: { answer: 'yes' } });
  t.match(of({ btf: btf() }), { iterUbuf: { answer: 'no' }, kfunc: { answer: 'no' } });
  const uio = (text: string): KernelSources['uioHeader'] => ({ path: 'uio.h', text });
  t.equal(of({ uioHeader: uio('enum iter_type {\n\t/* iter types */\n\tITER_UBUF,\n\tITER_IOVEC,\n};') }).iterUbuf.answer, 'yes');
  t.equal(of({ uioHeader: uio('enum iter_type {\n\tITER_IOVEC, /* not ITER_UBUF */\n};\nint ITER_UBUF;') }).iterUbuf.answer, 'no');
  t.equal(of({ uioHeader: uio('garbage') }).iterUbuf.answer, 'unknown');
  t.equal(of({ btf: btf(), uioHeader: uio('enum iter_type { ITER_UBUF };') }).iterUbuf.answer, 'no', 'the running kernel is asked first');
  t.end();
});

t.test('distribution', (t) => {
  t.match(of({ osRelease: parseOsRelease('ID=rocky\nPRETTY_NAME="Rocky Linux 9"') }), { distributionName: 'Rocky Linux 9', distribution: { family: 'rhel' } });
  t.end();
});
