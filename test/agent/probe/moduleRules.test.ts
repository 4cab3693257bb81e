// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Answer } from '../../../agent/probe/fact.js';
import { armedKprobesFact, kernelReadsFact, moduleLoadingFact, type ModuleRules, unsignedModulesFact } from '../../../agent/probe/moduleRules.js';

const LOCKDOWN = { none: '[none] integrity confidentiality\n', integrity: 'none [integrity] confidentiality\n', confidentiality: 'none integrity [confidentiality]\n' };

type Answers = Readonly<Record<'loading' | 'unsigned' | 'reads', Answer>>;

const cases: readonly (readonly [string, ModuleRules, Answers])[] = [
  ['nothing is readable', {}, { loading: 'unknown', unsigned: 'unknown', reads: 'unknown' }],
  ['an open kernel', { modulesDisabled: '0\n', sigEnforce: 'N\n', lockdown: LOCKDOWN.none }, { loading: 'yes', unsigned: 'yes', reads: 'yes' }],
  ['modules are closed', { modulesDisabled: '1\n', sigEnforce: 'N\n' }, { loading: 'no', unsigned: 'yes', reads: 'unknown' }],
  ['signatures are enforced', { modulesDisabled: '0\n', sigEnforce: 'Y\n', lockdown: LOCKDOWN.none }, { loading: 'yes', unsigned: 'no', reads: 'yes' }],
  ['locked down', { sigEnforce: 'N\n', lockdown: LOCKDOWN.integrity }, { loading: 'unknown', unsigned: 'no', reads: 'yes' }],
  ['locked down further', { sigEnforce: 'N\n', lockdown: LOCKDOWN.confidentiality }, { loading: 'unknown', unsigned: 'no', reads: 'no' }],
  ['without signatures in the kernel', { lockdown: LOCKDOWN.none }, { loading: 'unknown', unsigned: 'yes', reads: 'yes' }],
  ['a file that makes no sense', { modulesDisabled: '', sigEnforce: '?', lockdown: 'what' }, { loading: 'yes', unsigned: 'yes', reads: 'unknown' }],
];

t.test('what a kernel forbids', (t) => {
  for (const [name, rules, expected] of cases) {
    t.same({ loading: moduleLoadingFact(rules).answer, unsigned: unsignedModulesFact(rules).answer, reads: kernelReadsFact(rules).answer }, expected, name);
  }
  t.match(unsignedModulesFact({ sigEnforce: 'Y\n' }).evidence, /sig_enforce is Y$/);
  t.match(unsignedModulesFact({ lockdown: LOCKDOWN.integrity }).evidence, /lockdown is integrity$/);
  t.end();
});

t.test('kprobes that are disarmed', (t) => {
  t.match(armedKprobesFact({ kprobesEnabled: '0\n' }), { answer: 'no', evidence: '/sys/kernel/debug/kprobes/enabled is 0' });
  t.match(armedKprobesFact({ kprobesEnabled: '1\n' }), { answer: 'yes' });
  t.equal(armedKprobesFact({}), undefined);
  t.end();
});
