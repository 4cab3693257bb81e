// SPDX-License-Identifier: Apache-2.0
/** What only the cluster that ../shared/tools makes allows: to reach into its node and its control plane. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { CAPABILITY_BITS } from '../../agent/probe/processCapabilities.js';
import type { Pod } from './kmesh.js';

const state = process.env['KUBE_STATE'] ?? '';

/** Whether the cluster is that one. */
export const OWN = state !== '';

const ctr = (...args: readonly string[]): string => execFileSync('ctr', ['--address', path.join(state, 'containerd.sock'), '--namespace', 'k8s.io', ...args], { encoding: 'utf8' });
const containerOf = ({ status }: Pod): string => status.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';

/** Sends it to the first process of the container, which the container itself could not stop. */
export const signalAgent = (pod: Pod, signal: NodeJS.Signals): void => void ctr('tasks', 'kill', '--signal', signal, containerOf(pod));

export const agentRuns = (pod: Pod): boolean => ctr('tasks', 'list').split('\n').some((line) => line.startsWith(containerOf(pod)) && line.includes('RUNNING'));

export const apiServerPid = (): number => Number(fs.readFileSync(path.join(state, 'pid/apiserver'), 'utf8'));

/** Bits of include/uapi/linux/capability.h that machines for tests are known to lack. */
const BITS: Readonly<Record<string, bigint>> = { SYS_MODULE: CAPABILITY_BITS.CAP_SYS_MODULE, SYS_RESOURCE: 24n };

/** Of these capabilities those that containers of the node can have: a runtime starts none that asks for others. */
export function grantable(names: readonly string[]): readonly string[] {
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  return names.filter((name) => BITS[name] === undefined || ((bounding >> BITS[name]) & 1n) === 1n);
}
