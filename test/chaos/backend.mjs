// SPDX-License-Identifier: Apache-2.0
// backend.mjs NAME@ADDRESS:PORT ...: at each place a server that says its name in a line and then sends back whatever comes. Prints
// "listening" when all of them do.
import { once } from 'node:events';
import net from 'node:net';

for (const word of process.argv.slice(2)) {
  const [, name, host, port] = /^([^@]+)@(.+):(\d+)$/.exec(word);
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  server.listen({ host, port: Number(port), backlog: 4096 });
  await once(server, 'listening');
}
console.log('listening');
