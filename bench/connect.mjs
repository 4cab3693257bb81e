// SPDX-License-Identifier: Apache-2.0
import { runApart } from './apart.mjs';

export const summary = 'connect() through the maps of 100, 1,000 and 10,000 services (KMESH_BENCH_SIZES) over a direct one, DNAT of iptables, IPVS and proxies';

export const run = () => runApart('connect', 'bench/connect/host.ts');
