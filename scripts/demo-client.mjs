// SPDX-License-Identifier: Apache-2.0
// The client of `npm run demo`, run inside a network namespace of its own: starts the sample backends, opens
// the connections, counts which backend answered.
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import { startBackends } from '../samples/backends.mjs';

const CONNECTIONS = 1000;
const PARALLEL = 16;

const services = [
  { title: 'TCP, split 80/20', host: '10.96.0.10', port: 80 },
  { title: 'the same over IPv6', host: 'fd00:10:96::10', port: 80 },
  { title: 'HTTP, default route', host: '10.96.0.11', port: 8080 },
  { title: 'BlackHoleCluster', host: '10.96.0.12', port: 80 },
];

const up = spawnSync('ip', ['link', 'set', 'lo', 'up'], { stdio: 'inherit' });
if (up.status !== 0) process.exit(1);

/** One connection, one request; resolves with the name of the backend or the error's code. */
function connectOnce({ host, port }) {
  return new Promise((resolve) => {
    http
      .get({ host, port, agent: false, path: '/' }, (response) => {
        let body = '';
        response.on('data', (part) => (body += part)).on('end', () => resolve(body.trim()));
      })
      .on('error', (error) => resolve(error.code ?? error.message));
  });
}

async function distribution(service, connections) {
  const counts = new Map();
  let left = connections;
  const worker = async () => {
    while (left-- > 0) {
      const answer = await connectOnce(service);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

const close = await startBackends();
console.log(`\n${'service'.padEnd(22)} ${'address'.padEnd(22)} ${'answered by'.padEnd(14)} connections`);
for (const service of services) {
  const address = service.host.includes(':') ? `[${service.host}]:${service.port}` : `${service.host}:${service.port}`;
  let label = [service.title, address];
  for (const [answer, count] of await distribution(service, CONNECTIONS)) {
    console.log(`${label[0].padEnd(22)} ${label[1].padEnd(22)} ${answer.padEnd(14)} ${String(count).padStart(5)}  ${((100 * count) / CONNECTIONS).toFixed(1)} %`);
    label = ['', ''];
  }
}
close();
