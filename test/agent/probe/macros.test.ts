// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { no, unknown, yes } from '../../../agent/probe/fact.js';
import { mergeHelpers } from '../../../agent/probe/helperFacts.js';
import { MACRO_NAMES, type MacroName, type Macros, decideMacros, vendorHelperIds } from '../../../agent/probe/macros.js';

interface Situation {
  readonly helpers?: Record<string, number>;
  /** A package's header is all that tells of them. */
  readonly packaged?: boolean;
  readonly release?: string;
  readonly libbpf?: string;
  readonly iterUbuf?: 'yes' | 'no' | 'unknown';
  readonly kfunc?: 'yes' | 'no' | 'unknown';
}
const FACT = { yes: yes('seen'), no: no('looked'), unknown: unknown('could not look') };
const helperFacts = (helpers: Record<string, number>, packaged = false): ReturnType<typeof mergeHelpers> => mergeHelpers({ path: 'bpf.h', helpers: new Map(Object.entries(helpers)), named: !packaged }, undefined);

function decide(s: Situation): Macros {
  const facts = { release: s.release ?? '6.1.0' };
  return decideMacros(facts, helperFacts(s.helpers ?? {}, s.packaged), s.libbpf, FACT[s.iterUbuf ?? 'unknown'], FACT[s.kfunc ?? 'unknown']);
}

t.test('each macro by what decides it', (t) => {
  const cases: [MacroName, Situation, 0 | 1][] = [
    ['MDA_LOOPBACK_ADDR', { helpers: { get_netns_cookie: 122 } }, 1],
    ['MDA_NAT_ACCEL', { helpers: { sk_original_addr: 157 } }, 1],
    ['MDA_GID_UID_FILTER', { helpers: { get_sockops_uid_gid: 156 } }, 1],
    ['ENHANCED_KERNEL', { helpers: { parse_header_msg: 175 } }, 1],
    ['ENHANCED_KERNEL', { helpers: { task_pt_regs: 175, get_msg_header_element: 176 } }, 0],
    ['KM_HAVE_SET_RETVAL', { helpers: { set_retval: 187 } }, 1],
    ['KM_HAVE_SET_RETVAL', { helpers: { set_retval: 187 }, packaged: true }, 0],
    ['OE_23_03', { release: '6.1.19-7.0.0.17.oe2303.x86_64' }, 1],
    ['OE_23_03', { release: '5.10.0-60.18.0.50.oe2203.x86_64' }, 0],
    ['OE_23_03', { release: '6.1.0-oe23031' }, 0],
    ['ITER_TYPE_IS_UBUF', { iterUbuf: 'yes' }, 1],
    ['ITER_TYPE_IS_UBUF', { iterUbuf: 'unknown', release: '6.18.0' }, 0],
    ['KERNEL_KFUNC', { kfunc: 'yes' }, 1],
    ['KERNEL_KFUNC', { kfunc: 'no', release: '6.18.0' }, 0],
    ['LIBBPF_HIGHER_0_6_0_VERSION', { libbpf: '0.10.0' }, 1],
    ['LIBBPF_HIGHER_0_6_0_VERSION', { libbpf: '0.6.0' }, 1],
    ['LIBBPF_HIGHER_0_6_0_VERSION', { libbpf: '1.1.2' }, 1],
    ['LIBBPF_HIGHER_0_6_0_VERSION', { libbpf: '0.5.9' }, 0],
    ['LIBBPF_HIGHER_0_6_0_VERSION', { libbpf: 'garbage' }, 0],
    ['LIBBPF_HIGHER_0_6_0_VERSION', {}, 0],
  ];
  for (const [name, situation, value] of cases) {
    const macro = decide(situation)[name];
    t.equal(macro.value, value, `${name} for ${JSON.stringify(situation)}`);
    t.ok(macro.evidence.length > 0);
  }
  t.end();
});

t.test('one fact switches one macro', (t) => {
  const on = (s: Situation): MacroName[] => MACRO_NAMES.filter((name) => decide(s)[name].value === 1);
  t.same(on({}), []);
  t.same(on({ helpers: { get_netns_cookie: 122 } }), ['MDA_LOOPBACK_ADDR']);
  t.same(on({ iterUbuf: 'yes' }), ['ITER_TYPE_IS_UBUF']);
  t.end();
});

t.test('an absent vendor helper has no id', (t) => {
  const ids = vendorHelperIds(helperFacts({ map_update_elem: 2, strncmp: 182, _strncmp: 174, km_header_strnstr: 211 }));
  t.same(Object.fromEntries(ids), { _strncmp: 174, km_header_strnstr: 211 });
  t.equal(vendorHelperIds(helperFacts({ task_pt_regs: 175, get_branch_snapshot: 176, trace_vprintk: 177 })).size, 0);
  t.end();
});
