// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Dataplane, type DataplaneOptions } from '../../daemon/maps/dataplane.js';
import { OWN_GID } from '../../daemon/identity.js';
import { buildBpfObject } from '../helpers/bpfObject.js';
import { makeCgroup } from '../helpers/sandbox.js';

export const PIN_ROOT = '/sys/fs/bpf/bpf_kmesh';

export const SIZES = { listeners: 100, prefixes: 50, clusters: 100, endpoints: 1000, splits: 100, routeTables: 50, virtualHosts: 100, domains: 200, routeSteps: 20_000, automata: 20, pods: 8 };

/** Options for a data plane on a cgroup of its own. */
export function stageOptions(options: Partial<DataplaneOptions> & { setRetval?: boolean } = {}): DataplaneOptions {
  const { setRetval = true, ...rest } = options;
  return {
    objectFile: rest.objectFile ?? buildBpfObject({ setRetval }),
    cgroupPath: rest.cgroupPath ?? makeCgroup(),
    pinRoot: PIN_ROOT,
    sizes: SIZES,
    ownGid: OWN_GID,
    manage: 'all',
    ...rest,
  };
}

export interface Stage {
  readonly dataplane: Dataplane;
  readonly cgroup: string;
}

/** Programs that are in force on a cgroup of their own, with empty maps. */
export function openStage(options: Parameters<typeof stageOptions>[0] = {}): Stage {
  const complete = stageOptions(options);
  const dataplane = Dataplane.open(complete);
  dataplane.attach();
  return { dataplane, cgroup: complete.cgroupPath };
}

export interface Backend {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

const servers: net.Server[] = [];

/** A server that says its name to each client and closes. */
export async function startBackend(name: string, address: string, port = 0): Promise<Backend> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${name}\n`);
  });
  servers.push(server);
  server.listen({ port, host: address, backlog: 4096 });
  await once(server, 'listening');
  return { name, address, port: (server.address() as AddressInfo).port };
}

export function stopBackends(): void {
  for (const server of servers.splice(0)) server.close();
}

/** Waits for something that the kernel does a moment later and tells nobody, such as the end of a connection. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await pause(5);
  }
}

/** The reasons that were counted while `during` ran, and how often. */
export async function countedReasons(dataplane: Dataplane, during: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = dataplane.counters().reasons;
  await during();
  const after = dataplane.counters().reasons;
  const deltas = Object.entries(after).map(([reason, count]) => [reason, count - before[reason as keyof typeof before]] as const);
  return Object.fromEntries(deltas.filter(([, delta]) => delta !== 0));
}
