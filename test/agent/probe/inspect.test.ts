// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { no, unknown } from '../../../agent/probe/fact.js';
import { type InspectInputs, inspect } from '../../../agent/probe/inspect.js';
import { btfImage } from './btfImage.js';

const HEADER = `#ifndef A
#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(map_lookup_elem), FN(get_netns_cookie),
enum bpf_func_id { __BPF_FUNC_MAPPER(X) __BPF_FUNC_MAX_ID, };
#endif`;
const BTF = btfImage([
  { kind: 'enum', name: 'bpf_func_id', values: [['BPF_FUNC_unspec', 0], ['BPF_FUNC_map_lookup_elem', 1], ['BPF_FUNC_set_retval', 187]] },
  { kind: 'enum', name: 'iter_type', values: [['ITER_UBUF', 0]] },
  { kind: 'func', name: 'register_btf_kfunc_id_set' },
]);

const of = (inputs: Partial<InspectInputs>): ReturnType<typeof inspect> =>
  inspect({
    release: '6.1.0', architecture: 'x86_64',
    situation: {
      l4Programs: unknown('not tried'), moduleSources: no('none'), kernelHeaders: no('none'), moduleGiven: false, moduleSigned: false,
      mayLoadModules: unknown('not asked'), module: unknown('not loaded'), requestPrograms: unknown('not told'), podPrograms: unknown('not told'),
    },
    ...inputs,
  });
const file = <Content>(content: Content, explicit: boolean): { path: string; content: Content; explicit: boolean } => ({ path: '/some/file', content, explicit });

t.test('a header that was asked about answers alone', (t) => {
  const report = of({ bpfHeader: file(HEADER, true), btf: file(BTF, false) });
  t.same(report.helpers, { map_lookup_elem: 1, get_netns_cookie: 2 });
  t.match(report.macros, { MDA_LOOPBACK_ADDR: 1, KM_HAVE_SET_RETVAL: 0, ITER_TYPE_IS_UBUF: 0, KERNEL_KFUNC: 0 });
  t.match(report.kernel, { helperSource: 'header', warnings: [] });
  t.end();
});

t.test('BTF beats a header: both asked about, or neither', (t) => {
  for (const explicit of [true, false]) {
    const report = of({ bpfHeader: file(HEADER, explicit), btf: file(BTF, explicit) });
    t.same(report.helpers, { map_lookup_elem: 1, set_retval: 187 });
    t.match(report.macros, { MDA_LOOPBACK_ADDR: 0, KM_HAVE_SET_RETVAL: 1, ITER_TYPE_IS_UBUF: 1, KERNEL_KFUNC: 1 });
    t.match(report.kernel.warnings, [/get_netns_cookie/]);
  }
  t.end();
});

t.test('what it prints is plain JSON', (t) => {
  const report = of({ bpfHeader: file(HEADER, true), config: file('CONFIG_MODULES=y\n', true) });
  t.same(JSON.parse(JSON.stringify(report)), report);
  t.same(Object.keys(report), ['kernel', 'helpers', 'macros', 'capabilities']);
  t.match(report.kernel, { release: '6.1.0', config: '/some/file', facts: { moduleSupport: { answer: 'yes' } } });
  t.match(report.capabilities.map((capability) => capability.name), ['l4-ipv4', 'l4-ipv6', 'l7-http']);
  t.end();
});

t.test('a bad file that was named is an error, else a warning', (t) => {
  const cases: [string, (explicit: boolean) => Partial<InspectInputs>, RegExp][] = [
    ['header', (explicit) => ({ bpfHeader: file('#ifndef A', explicit), btf: file(BTF, true) }), /\/some\/file: the header is truncated/],
    ['BTF', (explicit) => ({ bpfHeader: file(HEADER, false), btf: file(BTF.subarray(0, 100), explicit) }), /\/some\/file: BTF: /],
    ['config', (explicit) => ({ config: file('<html>', explicit) }), /\/some\/file: there is no CONFIG_ line/],
  ];
  for (const [name, inputs, message] of cases) {
    t.throws(() => of(inputs(true)), { name: 'ProbeError', message }, name);
    t.match(of(inputs(false)).kernel.warnings, [message], name);
  }
  t.throws(() => of({ release: '../../etc' }), { name: 'ProbeError', message: /kernel release/ });
  t.end();
});

t.test('without any source the macros are 0 and L4 is not denied', (t) => {
  const report = of({});
  t.same(report.helpers, {});
  t.ok(Object.values(report.macros).every((value) => value === 0));
  t.match(report.capabilities[0], { state: 'on', reason: /not known/ });
  t.end();
});
