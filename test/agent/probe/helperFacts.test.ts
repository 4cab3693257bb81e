// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { exactHelperFact, helperFact, KERNEL_BTF_TITLE, type KernelHelpers, mergeHelpers } from '../../../agent/probe/helperFacts.js';

const header = (helpers: Record<string, number>): { path: string; helpers: ReadonlyMap<string, number> } => ({ path: '/h/bpf.h', helpers: new Map(Object.entries(helpers)) });
const btf = (helpers: Record<string, number>): KernelHelpers => ({ source: 'btf', name: KERNEL_BTF_TITLE, helpers: new Map(Object.entries(helpers)) });
const tree = (helpers: Record<string, number>): KernelHelpers => ({ source: 'tree', name: '/tree/bpf.h', helpers: new Map(Object.entries(helpers)) });

t.test('the running kernel beats the header', (t) => {
  const facts = mergeHelpers(header({ a: 1, parse_header_msg: 175 }), btf({ a: 1, task_pt_regs: 175 }));
  t.equal(facts.source, 'btf');
  t.equal(facts.helpers.get('parse_header_msg'), undefined, 'a helper that only the header has cannot be called');
  t.equal(facts.helpers.get('task_pt_regs'), 175);
  t.same(facts.header, { path: '/h/bpf.h', count: 2 });
  t.same(facts.disagreements, [
    { name: 'parse_header_msg', header: 175, kernel: undefined },
    { name: 'task_pt_regs', header: undefined, kernel: 175 },
  ]);
  t.match(facts.warnings, [/\/h\/bpf\.h has 2 helpers, .*BTF has 2: 1 only in the header \(parse_header_msg\); 1 only in the kernel \(task_pt_regs\)/]);
  t.end();
});

t.test('one that answers alone', (t) => {
  t.match(mergeHelpers(header({ a: 1 }), undefined, ['BTF: broken']), { source: 'header', disagreements: [], warnings: ['BTF: broken'] });
  t.match(mergeHelpers(undefined, btf({ a: 1 })), { source: 'btf', disagreements: [], warnings: [] });
  t.notOk('header' in mergeHelpers(undefined, btf({ a: 1 })));
  t.end();
});

t.test('nobody answers', (t) => {
  const facts = mergeHelpers(undefined, undefined);
  t.equal(facts.source, 'none');
  t.equal(helperFact(facts, 'map_update_elem').answer, 'unknown', 'not "no"');
  t.end();
});

t.test('agreement is silent', (t) => {
  t.match(mergeHelpers(header({ a: 1, b: 2 }), btf({ a: 1, b: 2 })), { disagreements: [], warnings: [] });
  t.end();
});

t.test('an older header costs one line, and what decides a macro is always named', (t) => {
  const kernel: Record<string, number> = { a: 1 };
  for (let id = 2; id < 90; id += 1) kernel[`new_${id}`] = id;
  const facts = mergeHelpers(header({ a: 1 }), btf({ ...kernel, set_retval: 187, get_netns_cookie: 122 }));
  t.equal(facts.warnings.length, 1);
  t.match(facts.warnings[0], /90 only in the kernel \(.*and 83 more\)/);
  t.match(facts.warnings[0], /set_retval/);
  t.match(facts.warnings[0], /get_netns_cookie/);
  t.notMatch(facts.warnings[0], /only in the header/);
  t.equal(facts.disagreements.length, 90);
  t.end();
});

t.test('two ids for one helper is a warning of its own, with both ids', (t) => {
  const facts = mergeHelpers(header({ a: 1, b: 3 }), btf({ a: 1, b: 2 }));
  t.match(facts.warnings, [/b \(3 in the header, 2 in the kernel\)/]);
  t.equal(facts.helpers.get('b'), 2);
  t.end();
});

t.test('evidence names the source', (t) => {
  t.match(helperFact(mergeHelpers(header({ a: 1 }), undefined), 'a'), { answer: 'yes', evidence: /id 1 in \/h\/bpf\.h/ });
  t.match(helperFact(mergeHelpers(header({ a: 1 }), btf({ a: 1 })), 'b'), { answer: 'no', evidence: /running kernel's BTF/ });
  t.end();
});

t.test('the tree of this very release beats the header of a package too', (t) => {
  const facts = mergeHelpers(header({ a: 1, set_retval: 187 }), tree({ a: 1 }));
  t.match(facts, { source: 'tree', exact: true, warnings: [/\/h\/bpf\.h has 2 helpers, \/tree\/bpf\.h has 1: 1 only in the header \(set_retval\)/] });
  t.match(exactHelperFact(facts, 'set_retval'), { answer: 'no', evidence: /not in \/tree\/bpf\.h/ });
  t.end();
});

t.test("a package's header alone proves that a helper is missing, not that it is there", (t) => {
  const facts = mergeHelpers(header({ set_retval: 187 }), undefined);
  t.match(exactHelperFact(facts, 'set_retval'), { answer: 'unknown', evidence: /id 187 in \/h\/bpf\.h, which need not be of this kernel/ });
  t.equal(exactHelperFact(facts, 'other').answer, 'no');
  const named = mergeHelpers({ ...header({ set_retval: 187 }), named: true }, undefined);
  t.equal(exactHelperFact(named, 'set_retval').answer, 'yes', 'who names a header answers for it');
  t.end();
});
