// SPDX-License-Identifier: Apache-2.0
// server.mjs VERSION: tells each connection its pod and version in one line, then sends back what comes. Port 8080 is for the readiness probe:
// not ready while /tmp/unready exists.
import { existsSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { hostname } from 'node:os';

const version = process.argv[2];
const name = `${hostname()} ${version}\n`;

const server = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.write(name);
  socket.pipe(socket);
});
server.listen(9000);
http.createServer((_, response) => response.writeHead(existsSync('/tmp/unready') ? 503 : 200).end()).listen(8080);

// Goes on for a while, as servers do that want to lose nobody: until then the control plane has told everybody.
process.on('SIGTERM', () => setTimeout(() => process.exit(0), 10_000));
