// SPDX-License-Identifier: Apache-2.0
// `node client.mjs REQUESTS_JSON`: as client.py, with Node's http.
import fs from 'node:fs';
import http from 'node:http';

const [file] = process.argv.slice(2);

const bodyOf = ({ body }) => 'abcdefghijklmnopqrstuvwxyz'.repeat(body / 26 + 1).slice(0, body);

function send(request) {
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

for (const request of JSON.parse(fs.readFileSync(file, 'utf8'))) {
  let outcome;
  try {
    outcome = await send(request);
  } catch (error) {
    outcome = { error: error.code ?? String(error) };
  }
  process.stdout.write(`${JSON.stringify({ ...outcome, name: request.name })}\n`);
}
