// SPDX-License-Identifier: Apache-2.0
// A bounded run of the fuzzer, the same each time. The long one: npm run fuzz.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { temporaryFolder } from '../helpers/bpfObject.js';
import { buildFuzzer, fuzz } from './fuzz.js';

const limits = ['-runs=20000', '-seed=1'];

t.test('nothing that a runtime or a daemon says breaks the plugin', async (t) => {
  const folder = temporaryFolder();
  const { passed, log } = fuzz({ program: buildFuzzer(), folder, limits, output: 'pipe' });
  t.ok(passed, 'the run ends well', { log });
  t.match(log, /Done 20000 runs/);
  t.same(readdirSync(folder), ['found'], 'no crash is kept');
});

const FAULTS = [
  { file: 'json.c', from: 'if (len + count >= size)', to: 'if (len + count >= size + 8)' },
  { file: 'invocation.c', from: 'if (len == 0 || len >= size || !is_letter_or_digit(from[0]))', to: 'if (len == 0 || len >= size + 9 || !is_letter_or_digit(from[0]))' },
  { file: 'line.c', from: "if (byte == '\"' || byte == '\\\\')", to: "if (byte == '\"')" },
];

for (const fault of FAULTS) {
  t.test(`a fault in ${fault.file} is found`, async (t) => {
    const folder = temporaryFolder();
    const { passed, log } = fuzz({ program: buildFuzzer(fault), folder, limits, output: 'pipe' });
    t.notOk(passed);
    t.match(log, /AddressSanitizer|runtime error|does not hold/);
    t.match(readdirSync(folder).join(), /crash-/, 'the text is kept');
  });
}
