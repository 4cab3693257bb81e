// SPDX-License-Identifier: Apache-2.0
// A bounded run of the fuzzer, the same each time. The long one: npm run fuzz.
import { readdirSync } from 'node:fs';
import t from 'tap';
import { buildFuzzer, fuzz } from './fuzz.js';
import { temporaryFolder } from '../helpers/bpfObject.js';

const limits = ['-runs=20000', '-seed=1'];

t.test('no text breaks a property', async (t) => {
  const folder = temporaryFolder();
  const { passed, log } = fuzz({ program: buildFuzzer(), folder, limits, output: 'pipe' });
  t.ok(passed, 'the run ends well', { log });
  t.match(log, /Done 20000 runs/);
  t.same(readdirSync(folder), ['found'], 'no crash is kept');
});

t.test('a fault is found', async (t) => {
  const fault = { file: 'request_build.c', from: 'if (len > KM_HOST_MAX)', to: 'if (len > KM_HOST_MAX + 20)' };
  const folder = temporaryFolder();
  const { passed, log } = fuzz({ program: buildFuzzer(fault), folder, limits, output: 'pipe' });
  t.notOk(passed);
  t.match(log, /AddressSanitizer|runtime error|does not hold/);
  t.match(readdirSync(folder).join(), /crash-/, 'the text is kept');
});
