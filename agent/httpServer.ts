// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HttpReply {
  readonly status: number;
  readonly type: 'application/json' | 'text/html; charset=utf-8' | 'text/plain; charset=utf-8' | 'text/plain; version=0.0.4; charset=utf-8';
  readonly body: string;
}

export interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface HttpServing {
  /** undefined: all, of both families where the kernel has both. */
  readonly address: string | undefined;
  /** 0: any that is free. */
  readonly port: number;
  /** @param path without the query; undefined: there is no such page */
  answer(path: string): Promise<HttpReply | undefined>;
}

/** Heads, connections and times are bounded: everybody who reaches the node may ask. */
const LIMITS = { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 5000, connectionsCheckingInterval: 1000 };
const MAX_CONNECTIONS = 64;
/** From a request to the end of its answer: who does not read must not keep a connection. */
const ANSWER_MS = 10_000;

/** What is served is looked at, never run, framed or kept. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

/** @throws EADDRINUSE, EACCES, EADDRNOTAVAIL */
export async function serveHttp({ address, port, answer }: HttpServing): Promise<HttpServer> {
  const server = http.createServer(LIMITS, (request, response) => {
    const { socket } = request;
    const limit = setTimeout(() => socket.destroy(), ANSWER_MS).unref();
    response.once('close', () => clearTimeout(limit));
    void reply(request, answer).then(({ status, type, body }) => {
      response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(body), ...(status === 405 ? { allow: 'GET, HEAD' } : {}) });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ port, ...(address === undefined ? {} : { host: address }) });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const plain = (status: number, body: string): HttpReply => ({ status, type: 'text/plain; charset=utf-8', body });

async function reply(request: http.IncomingMessage, answer: HttpServing['answer']): Promise<HttpReply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET is served here\n');
  try {
    // Not `new URL()`: it throws on what a client may well send, such as `//`.
    return (await answer((request.url ?? '/').split('?', 1)[0]!)) ?? plain(404, 'no such page\n');
  } catch (error) {
    return plain(500, `${(error as Error).message}\n`);
  }
}
