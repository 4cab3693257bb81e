// SPDX-License-Identifier: Apache-2.0
/** Connections on which nothing is said until the scenario wants it. */
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';

export async function connectSilently(count: number, host: string, port: number): Promise<net.Socket[]> {
  const sockets = Array.from({ length: count }, () => net.connect({ host, port }));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

/** Sends one request. @returns what the endpoint says, or the error that the client meets. */
export async function ask(socket: net.Socket, path: string, host: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  try {
    const answer = await text(socket);
    return answer.split('\r\n\r\n').slice(1).join('').trim();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
