// SPDX-License-Identifier: Apache-2.0
import http from 'node:http';

/** What one path answers. `body` is sent as indented JSON, a string as plain text. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Page {
  readonly summary: string;
  readonly answer: () => Answer;
}

const HELP = '/help';

function send(response: http.ServerResponse, { status, body }: Answer): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body, undefined, 2)}\n`;
  response.writeHead(status, {
    'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

/** A page that cannot be made, because the kernel refuses a map for example, is no reason to end. */
function answer(page: Page): Answer {
  try {
    return page.answer();
  } catch (error) {
    return { status: 500, body: `${(error as Error).message}\n` };
  }
}

/** The list of pages, as `/help` prints it. */
export function help(pages: ReadonlyMap<string, Page>): string {
  const rows = [[HELP, 'this list'], ...[...pages].map(([path, page]) => [path, page.summary])] as const;
  const width = Math.max(...rows.map(([path]) => path!.length));
  return rows.map(([path, summary]) => `${path!.padEnd(width)}  ${summary}\n`).join('');
}

/**
 * Serves `pages` on 127.0.0.1, GET only, with bounded heads and connections: the pages show what the mesh
 * looks like, so they are for this node alone.
 *
 * @throws when the port is taken (EADDRINUSE) or may not be used (EACCES).
 */
export async function serveAdmin(port: number, pages: ReadonlyMap<string, Page>): Promise<http.Server> {
  const server = http.createServer({ maxHeaderSize: 8192, requestTimeout: 5000, headersTimeout: 5000 }, (request, response) => {
    // Not `new URL()`: it throws on what a client may well send, such as `//`.
    const pathname = (request.url ?? HELP).split('?', 1)[0]!;
    if (request.method !== 'GET') {
      response.setHeader('allow', 'GET');
      send(response, { status: 405, body: 'only GET is served here\n' });
    } else if (pathname === HELP) {
      send(response, { status: 200, body: help(pages) });
    } else {
      const page = pages.get(pathname);
      send(response, page ? answer(page) : { status: 404, body: `no such page; there are:\n${help(pages)}` });
    }
  });
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}
