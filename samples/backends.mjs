// SPDX-License-Identifier: Apache-2.0
// The backends of the sample mesh: `node samples/backends.mjs`. Each answers any HTTP request, and a bare
// connection that sends a line, with its name.
import http from 'node:http';

export const backends = [
  { name: 'v1-a', port: 18081 },
  { name: 'v1-b', port: 18082 },
  { name: 'v2', port: 18083 },
];

/** Starts all backends on 127.0.0.1 and ::1; resolves with a function that closes them. */
export async function startBackends() {
  const servers = [];
  for (const { name, port } of backends) {
    for (const host of ['127.0.0.1', '::1']) {
      const server = http.createServer((_request, response) => response.end(`${name}\n`));
      server.keepAliveTimeout = 1;
      await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
      servers.push(server);
    }
  }
  return () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
}

if (import.meta.url === `file://${process.argv[1]}`) {
  await startBackends();
  console.log(`backends listen on ${backends.map((b) => `${b.port} (${b.name})`).join(', ')}; try: curl http://10.96.0.10/`);
}
