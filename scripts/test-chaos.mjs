// SPDX-License-Identifier: Apache-2.0
// `npm run test:chaos [-- SCALE]`: connections through kills, upgrades and losses of all kinds (docs/supervision.md), and the switch to
// another map layout, stopped before each single call. SCALE below 1 (0.05: some minutes) does less of it. Ends with `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { root, setup } from './setup.mjs';

const scale = process.argv[2] ?? '1';
if (!(Number(scale) > 0 && Number(scale) <= 1)) {
  process.stderr.write('test:chaos: the scale is a number above 0 and up to 1\n');
  process.exit(2);
}
try {
  setup({ forTests: true });
} catch (error) {
  process.stderr.write(`test:chaos: ${error.message}\n`);
  process.exit(1);
}
const files = ['test/chaos/chaos.test.ts', 'test/chaos/guards.test.ts', 'test/bpf/layoutSwitch.test.ts'];
const tap = [path.join(root, 'node_modules/tap/dist/esm/run.mjs'), '--jobs=1', '--timeout=3600', `--reporter=${path.join(root, 'scripts/tap-reporter.mjs')}`, ...files];
const env = { ...process.env, KMESH_CHAOS_SCALE: scale, ...(Number(scale) === 1 ? { KMESH_STOP_EACH: '1' } : {}) };
process.exitCode = spawnSync(process.execPath, tap, { cwd: root, stdio: 'inherit', env }).status ?? 1;
