// SPDX-License-Identifier: Apache-2.0
/** nginx and haproxy in front of one backend, each as its documentation advises for speed: one worker, kept connections to the backend. */
import fs from 'node:fs';
import path from 'node:path';
import { accepts } from '../../test/vm/proof/nginx.js';
import { Service } from '../../test/vm/proof/programs.js';

export const NGINX_PORT = 9101;
export const HAPROXY_PORT = 9102;

export async function startNginx(folder: string, backend: string): Promise<Service> {
  const file = path.join(folder, 'nginx.conf');
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${path.join(folder, name)};`);
  fs.writeFileSync(
    file,
    `daemon off; master_process off; user root; pid ${path.join(folder, 'nginx.pid')};
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; ${places.join(' ')}
  upstream backend { server ${backend}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${NGINX_PORT} backlog=4096;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}
`,
  );
  const service = new Service('nginx', ['-p', folder, '-e', 'stderr', '-c', file]);
  await accepts(NGINX_PORT);
  return service;
}

export async function startHaproxy(folder: string, backend: string): Promise<Service> {
  const file = path.join(folder, 'haproxy.cfg');
  fs.writeFileSync(
    file,
    `global
  maxconn 1000
  nbthread 1
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend front
  bind 127.0.0.1:${HAPROXY_PORT} backlog 4096
  default_backend back
backend back
  server one ${backend} pool-max-conn 64
`,
  );
  const service = new Service('haproxy', ['-db', '-f', file]);
  await accepts(HAPROXY_PORT);
  return service;
}
