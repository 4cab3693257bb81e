// SPDX-License-Identifier: Apache-2.0
/** Changes of the control plane under traffic: routes, virtual hosts, endpoints and clusters come, go and change places. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Resource } from '../requests/table.js';
import { configDump } from './daemon.js';
import { assignment, clusterResource, type Endpoint, type ProofMesh } from './mesh.js';

const BETWEEN_MS = 200;

/** A cluster that comes and goes. */
export const GUEST: Endpoint = { name: 'guest-1', cluster: 'guest', addresses: ['10.77.200.1', 'fd00:77::200:1'] };
/** An endpoint of the cluster `files` that comes and goes. */
export const SECOND_FILES: Endpoint = { name: 'files-2', cluster: 'files', addresses: ['10.77.200.2', 'fd00:77::200:2'] };

export class Changes {
  readonly #mesh: ProofMesh;
  readonly #routes: readonly Resource[];
  #stopped = false;
  #running: Promise<void> | undefined;
  rounds = 0;

  constructor(mesh: ProofMesh, routes: readonly Resource[]) {
    this.#mesh = mesh;
    this.#routes = routes;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the mesh is as it was. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#guestComes();
      this.#mesh.write('endpoints.json', this.#endpoints([SECOND_FILES, GUEST]));
      await pause(BETWEEN_MS);
      this.#mesh.write('endpoints.json', this.#endpoints([GUEST]));
      await this.#guestGoes();
      this.rounds++;
    }
  }

  /** A route needs its cluster first: what names an unknown one is refused. */
  async #guestComes(): Promise<void> {
    this.#mesh.write('endpoints.json', this.#endpoints([GUEST]));
    this.#mesh.write('clusters.json', this.#clusters([GUEST.cluster]));
    await this.#dumped((text) => text.includes(`"${GUEST.cluster}"`));
    this.#mesh.write('routes.json', changedRoutes(this.#routes, this.rounds));
    await this.#dumped((text) => text.includes(manyHosts(this.rounds)[0]!));
  }

  async #guestGoes(): Promise<void> {
    this.#mesh.write('routes.json', this.#routes);
    await this.#dumped((text) => !text.includes(manyHosts(this.rounds)[0]!));
    this.#mesh.write('clusters.json', this.#clusters([]));
    this.#mesh.write('endpoints.json', this.#endpoints([]));
    // Otherwise the next round would take the old cluster for the new one, and name in its routes one that is about to go.
    await this.#dumped((text) => !text.includes(`"${GUEST.cluster}"`));
  }

  /** Waits until the daemon, or the one that comes after it, has taken a change in. */
  async #dumped(holds: (text: string) => boolean): Promise<void> {
    for (;;) {
      const text = await configDump();
      if ((text !== undefined && holds(text)) || this.#stopped) return;
      await pause(BETWEEN_MS);
    }
  }

  #clusters(more: readonly string[]): Resource[] {
    return [...this.#names(), ...more].map(clusterResource);
  }

  #endpoints(more: readonly Endpoint[]): Resource[] {
    const all = [...this.#mesh.endpoints, ...more];
    return [...new Set(all.map(({ cluster }) => cluster))].map((cluster) => assignment(cluster, all));
  }

  #names(): string[] {
    return [...new Set(this.#mesh.endpoints.map(({ cluster }) => cluster))];
  }
}

/** Routes of the shop go elsewhere and change places, and there are virtual hosts of which one knows the round by. */
function changedRoutes(routes: readonly Resource[], round: number): Resource[] {
  return routes.map((config) => {
    if (config['name'] !== '80') return config;
    const [shop, ...others] = config['virtual_hosts'] as { name: string; domains: string[]; routes: { match: object }[] }[];
    const [health, files, ...rest] = shop!.routes;
    const toGuest = ['/healthz', '/guest'].map((prefix) => ({ match: { prefix }, route: { cluster: GUEST.cluster } }));
    const more = manyHosts(round).map((domain) => ({ name: domain, domains: [domain, `*.${domain}`], routes: toGuest }));
    return { ...config, virtual_hosts: [{ ...shop, routes: [files, ...toGuest, health, ...rest] }, ...more, ...others] };
  });
}

const manyHosts = (round: number): string[] => Array.from({ length: 20 }, (_, i) => `host-${i}.round-${round}.test`);
