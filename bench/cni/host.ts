// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { buildPlugin } from '../../test/cni/build.js';
import { type Conflist, Runner } from '../../test/cni/libcni.js';
import { invoke, makeNetns, makeRun, OK, removeNetns, serve } from '../../test/cni/stage.js';

const PLUGINS = '/usr/lib/cni';
const ADDS = 200;
const GOAL_MS = 10;

const chain = (name: string, last: Conflist['plugins']): Conflist => ({ cniVersion: '1.0.0', name, plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.0.0/16', dataDir: '/run/ipam' } }, ...last] });
const CHAINS = { without: chain('without', []), with: chain('with', [{ type: 'kmesh-cni', cniFailure: 'allow' }]) } as const;
type Name = keyof typeof CHAINS;

makeRun();
const own = buildPlugin();
const runner = new Runner((type) => (type === 'kmesh-cni' ? own : path.join(PLUGINS, type)), [PLUGINS]);
const daemon = await serve(() => OK);
const times: Record<Name, number[]> = { without: [], with: [] };
/** The plugin's own call, as the runtime sees it: start of a process to its end. */
const alone: number[] = [];
/** A program that does nothing, started in the same way. */
const nothing: number[] = [];

async function once(name: Name, turn: number): Promise<void> {
  const pod = { container: `${name}-${turn}`, netns: makeNetns('bench'), args: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod' };
  const began = performance.now();
  const result = await runner.add(CHAINS[name], pod);
  times[name].push(performance.now() - began);
  if (name === 'with') {
    alone.push(await timeAlone(pod, result));
    nothing.push((await invoke('/bin/true', '{}', {})).ms);
  }
  await runner.del(CHAINS[name], pod, result);
  removeNetns('bench');
}

async function timeAlone(pod: { container: string; netns: string }, result: string): Promise<number> {
  const config = JSON.stringify({ cniVersion: '1.0.0', name: 'with', type: 'kmesh-cni', prevResult: JSON.parse(result) as unknown });
  return (await invoke(own, config, { CNI_COMMAND: 'ADD', CNI_CONTAINERID: pod.container, CNI_NETNS: pod.netns, CNI_IFNAME: 'eth0' })).ms;
}

/** Warm caches first; then in turn, so that what else the machine does meets both. */
for (const name of ['without', 'with'] as const) await once(name, -1);
for (const list of [times.without, times.with, alone, nothing]) list.length = 0;
for (let turn = 0; turn < ADDS; turn += 1) for (const name of turn % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const)) await once(name, turn);
await daemon.close();

const quantile = (list: readonly number[], q: number): number => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))] ?? Number.NaN;
const line = (title: string, list: readonly number[]): string => `  ${title.padEnd(28)} p50 ${quantile(list, 0.5).toFixed(2).padStart(8)} ms  p99 ${quantile(list, 0.99).toFixed(2).padStart(8)} ms\n`;
const ratio = quantile(times.with, 0.5) / quantile(times.without, 0.5);
process.stdout.write(`\nADD of a pod behind ptp and host-local, ${ADDS} of each in turn\n${line('without kmesh-cni', times.without)}${line('with kmesh-cni', times.with)}${line('kmesh-cni alone', alone)}${line('/bin/true alone', nothing)}`);
process.stdout.write(`  with over without, p50: ${ratio.toFixed(3)}; kmesh-cni over /bin/true, p50: ${(quantile(alone, 0.5) / quantile(nothing, 0.5)).toFixed(3)}; goal for kmesh-cni alone: p99 under ${GOAL_MS} ms\n`);
