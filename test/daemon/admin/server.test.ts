// SPDX-License-Identifier: Apache-2.0
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { serveAdmin, type Page } from '../../../daemon/admin/server.js';

const pages = new Map<string, Page>([
  ['/thing', { summary: 'a thing', answer: () => ({ status: 200, body: { a: 1 } }) }],
  ['/sick', { summary: 'a thing that is not well', answer: () => ({ status: 503, body: { ready: false } }) }],
  [
    '/broken',
    {
      summary: 'throws',
      answer: () => {
        throw new Error('the kernel said no');
      },
    },
  ],
]);

async function serve(t: Test): Promise<number> {
  const server = await serveAdmin(0, pages);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { address, port } = server.address() as AddressInfo;
  t.equal(address, '127.0.0.1', 'on loopback only');
  return port;
}

function ask(port: number, path: string, method = 'GET'): Promise<{ status: number | undefined; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', path, method, agent: false }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part)).on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    request.on('error', reject).end();
  });
}

t.test('pages, the list of them, and what is none', async (t) => {
  const port = await serve(t);
  t.match(await ask(port, '/thing?x=1'), { status: 200, headers: { 'content-type': 'application/json' }, body: '{\n  "a": 1\n}\n' });
  t.equal((await ask(port, '/sick')).status, 503);
  const help = await ask(port, '/help');
  for (const page of pages.keys()) t.ok(help.body.includes(page), `${page} is listed`);
  t.match(await ask(port, '/other'), { status: 404, body: /no such page/ });
  t.equal((await ask(port, '//')).status, 404);
});

t.test('only GET', async (t) => {
  const port = await serve(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'HEAD']) t.match(await ask(port, '/thing', method), { status: 405, headers: { allow: 'GET' } }, method);
});

t.test('a page that fails says why, and the server goes on', async (t) => {
  const port = await serve(t);
  t.match(await ask(port, '/broken'), { status: 500, body: /the kernel said no/ });
  t.equal((await ask(port, '/thing')).status, 200);
});

t.test('garbage and heads without end are answered with an end', async (t) => {
  const port = await serve(t);
  for (const bytes of ['\0\0\0\0\r\n\r\n', `GET /thing HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20000)}\r\n\r\n`]) {
    const socket = net.connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (part) => (answer += part));
    socket.on('error', () => undefined);
    socket.write(bytes, 'latin1');
    await once(socket, 'close');
    t.match(answer, /^HTTP\/1\.1 4\d\d /);
  }
  t.equal((await ask(port, '/thing')).status, 200);
});

t.test('a port that is taken is an error', async (t) => {
  const port = await serve(t);
  await t.rejects(serveAdmin(port, pages), { code: 'EADDRINUSE' });
});
