// SPDX-License-Identifier: Apache-2.0
import { runApart } from './apart.mjs';

export const summary = 'kmesh-daemon under a mesh of 100, 1,000 and 10,000 services (KMESH_BENCH_SIZES), over both variants of ADS: load, changes, memory, CPU time, event loop';

export const run = () => runApart('xds', 'bench/xds/host.ts');
