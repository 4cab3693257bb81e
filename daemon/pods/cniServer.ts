// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { DaemonError, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import { answerLine, parseRequest, REQUEST_MAX, type CniAnswer, type CniRequest } from './cniRequest.js';

/** KM_CNI_SOCKET of cni/protocol.h. */
export const CNI_SOCKET = '/var/run/kmesh/cni.sock';

/** A plugin gives up after a second (KM_CNI_DEADLINE_MS). */
const DEADLINE_MS = 2000;
/** Runtimes start as many pods at once as they have workers. */
const MAX_CONNECTIONS = 128;

/**
 * Answers kmesh-cni on a socket for root alone.
 *
 * @param answer never rejects
 * @throws DaemonError KM_CNI_SOCKET
 */
export async function serveCni(file: string, answer: (request: CniRequest) => Promise<CniAnswer>, log: Logger): Promise<net.Server> {
  // allowHalfOpen: the answer goes out also to a plugin that has said that it sends no more.
  const server = net.createServer({ allowHalfOpen: true }, (socket) => void serveOne(socket, answer, log));
  server.maxConnections = MAX_CONNECTIONS;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    removeSocket(file);
    // The socket is made by listen() itself, with this mask.
    const mask = process.umask(0o177);
    try {
      server.listen(file);
    } finally {
      process.umask(mask);
    }
    await once(server, 'listening');
    return server;
  } catch (error) {
    throw new DaemonError('KM_CNI_SOCKET', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** The socket of a daemon that was killed. Anything else that stands there stays, and listen() says so. */
function removeSocket(file: string): void {
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.isSocket() === true) fs.unlinkSync(file);
}

async function serveOne(socket: net.Socket, answer: (request: CniRequest) => Promise<CniAnswer>, log: Logger): Promise<void> {
  socket.on('error', (error) => log.debug({ err: error }, 'the connection of a CNI plugin broke off'));
  const timer = setTimeout(() => socket.destroy(), DEADLINE_MS);
  socket.once('close', () => clearTimeout(timer));
  const line = await readLine(socket);
  if (line === undefined) {
    socket.destroy();
    return;
  }
  socket.end(answerLine(await answerTo(line, answer, log)));
}

async function answerTo(line: string, answer: (request: CniRequest) => Promise<CniAnswer>, log: Logger): Promise<CniAnswer> {
  try {
    return await answer(parseRequest(line));
  } catch (error) {
    log.warn(`a request of a CNI plugin was refused: ${messageOf(error)}`);
    return { result: 'refused', reason: messageOf(error) };
  }
}

/** The first line; undefined: the connection ended before it, or it is longer than a request can be. */
function readLine(socket: net.Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let [text, bytes] = [Buffer.alloc(0), 0];
    const done = (line: string | undefined): void => {
      socket.off('data', take);
      resolve(line);
    };
    const take = (part: Buffer): void => {
      bytes += part.length;
      text = Buffer.concat([text, part]);
      const end = text.indexOf(10);
      if (end >= REQUEST_MAX || (end < 0 && bytes >= REQUEST_MAX)) done(undefined);
      else if (end >= 0) done(text.toString('utf8', 0, end));
    };
    socket.on('data', take);
    socket.once('end', () => done(undefined));
    socket.once('close', () => done(undefined));
  });
}
