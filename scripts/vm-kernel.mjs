// SPDX-License-Identifier: Apache-2.0
// `node scripts/vm-kernel.mjs KERNEL [build SOURCES OUT_KO]`: a kernel of the tests, and modules for it.
import { runTypescript } from './typescript.mjs';

await runTypescript('test/vm/kernelCommand.ts');
