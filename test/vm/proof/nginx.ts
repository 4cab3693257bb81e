// SPDX-License-Identifier: Apache-2.0
/** nginx as a client of services: a local port for each, and connections to the service address behind it. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Service } from './programs.js';

const FIRST_PORT = 9101;

export class Nginx {
  readonly #service: Service;
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(service: Service, ports: ReadonlyMap<string, number>) {
    this.#service = service;
    this.#ports = ports;
  }

  /** @param services URLs without a path. */
  static async start(folder: string, services: ReadonlySet<string>): Promise<Nginx> {
    const ports = new Map([...services].map((service, i) => [service, FIRST_PORT + i]));
    const file = path.join(folder, 'nginx.conf');
    fs.writeFileSync(file, configuration(folder, ports));
    const service = new Service('nginx', ['-p', folder, '-e', 'stderr', '-c', file]);
    for (const port of ports.values()) await accepts(port);
    return new Nginx(service, ports);
  }

  portFor(service: string): number {
    return this.#ports.get(service)!;
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }
}

function configuration(folder: string, ports: ReadonlyMap<string, number>): string {
  const servers = [...ports].map(
    ([service, port]) => `
    server {
      listen 127.0.0.1:${port};
      location / { proxy_pass ${service}; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection ""; }
    }`,
  );
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${path.join(folder, name)};`);
  return `
daemon off; master_process off; user root; pid ${path.join(folder, 'nginx.pid')};
events { }
http { access_log off; client_max_body_size 1m; ${places.join(' ')} ${servers.join('')} }
`;
}

/** nginx says nothing when it is ready; a connection that it takes does. */
export async function accepts(port: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const taken = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (taken) return;
    if (Date.now() > deadline) throw new Error(`nobody listens on port ${port} after 30 s`);
    await pause(50);
  }
}
