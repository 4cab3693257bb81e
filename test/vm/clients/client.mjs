// SPDX-License-Identifier: Apache-2.0
// `node client.mjs http|fetch REQUESTS_JSON`: as client.py, with Node's two ways.
import fs from 'node:fs';
import http from 'node:http';

const [kind, file] = process.argv.slice(2);

const bodyOf = ({ body }) => 'abcdefghijklmnopqrstuvwxyz'.repeat(body / 26 + 1).slice(0, body);
const hostOf = (address) => (address.includes(':') ? `[${address}]` : address);

function withHttp(request) {
  const headers = request.headers.flat();
  if (request.body) headers.push('Content-Length', String(request.body));
  return new Promise((resolve, reject) => {
    const sent = http.request({ host: request.address, port: request.port, method: request.method, path: request.target, headers, agent: false, setHost: false });
    sent.on('error', reject).on('response', async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve({ endpoint: response.headers['x-endpoint'], got: JSON.parse(text) });
    });
    sent.end(bodyOf(request));
  });
}

async function withFetch(request) {
  const response = await fetch(`http://${hostOf(request.address)}:${request.port}${request.target}`, {
    method: request.method,
    headers: request.headers,
    ...(request.body ? { body: bodyOf(request) } : {}),
  });
  return { endpoint: response.headers.get('x-endpoint'), got: await response.json() };
}

for (const request of JSON.parse(fs.readFileSync(file, 'utf8'))) {
  let outcome;
  try {
    outcome = await (kind === 'fetch' ? withFetch(request) : withHttp(request));
  } catch (error) {
    const cause = error.cause ?? error;
    outcome = { error: cause.code ?? String(cause) };
  }
  process.stdout.write(`${JSON.stringify({ ...outcome, name: request.name })}\n`);
}
