// SPDX-License-Identifier: Apache-2.0
// `npm run test:vm [-- KERNEL ...] [--only SCENARIO]`: the project in real kernels under QEMU. Ends with `N passed, N failed`.
import { setup } from './setup.mjs';

try {
  setup({ forTests: true, forVm: true });
} catch (error) {
  process.stderr.write(`test:vm: ${error.message}\n`);
  process.exit(1);
}
// Only now are its own packages there on a fresh clone.
const { runTypescript } = await import('./typescript.mjs');
await runTypescript('test/vm/main.ts');
