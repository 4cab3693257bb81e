// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import t from 'tap';
import { type ModuleFacts, moduleFacts } from '../../../agent/probe/moduleFile.js';
import { ProbeError } from '../../../agent/probe/probeError.js';
import { makeModuleFile, type ModuleText } from '../../helpers/moduleFile.js';

t.test('what a module says of itself', (t) => {
  const facts = (text?: ModuleText): ModuleFacts => moduleFacts(readFileSync(makeModuleFile(t.testdir(), text)));
  const plain = facts();
  t.match(plain, { name: 'kmesh', release: '6.1.0-1-test', buildId: /^[0-9a-f]{40}$/, signed: false });
  t.equal(facts().buildId, plain.buildId, 'the same sources, the same id');
  t.not(facts({ salt: 'other' }).buildId, plain.buildId);
  t.match(facts({ name: 'other', release: '6.12.117+deb13-amd64' }), { name: 'other', release: '6.12.117+deb13-amd64' });
  t.equal(facts({ buildId: false }).buildId, undefined);
  t.equal(facts({ signed: true }).signed, true);
  t.end();
});

t.test('what is no module is a ProbeError, wherever it breaks', (t) => {
  const bytes = readFileSync(makeModuleFile(t.testdir()));
  const outcome = (hostile: Uint8Array): unknown => {
    try {
      moduleFacts(hostile);
      return 'answer';
    } catch (error) {
      return error instanceof ProbeError ? 'ProbeError' : error;
    }
  };
  const cut = Array.from({ length: bytes.length }, (_, length) => outcome(bytes.subarray(0, length)));
  t.same([...new Set(cut)], ['ProbeError'], 'cut anywhere');
  const changed = [0, 0x7f, 0xff].flatMap((value) => Array.from(bytes, (_, at) => outcome(Uint8Array.from(bytes).with(at, value))));
  t.same([...new Set(changed)].sort(), ['ProbeError', 'answer'], 'changed anywhere');
  t.throws(() => moduleFacts(readFileSync(process.execPath)), { name: 'ProbeError', message: /no \.modinfo section/ }, 'a program');
  t.throws(() => moduleFacts(readFileSync(makeModuleFile(t.testdir(), { name: '' })).subarray(0, 64)), { name: 'ProbeError' });
  t.end();
});
