// SPDX-License-Identifier: Apache-2.0
// `npm run demo`: sends 1,000 connections to the service addresses of the sample mesh and prints where they
// went. Uses the agent that runs already, or starts one and stops it again. Clients and backends live in a
// network namespace of their own, so an address that were not steered would be unreachable there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root, setup } from './setup.mjs';

const ADMIN = { host: '127.0.0.1', port: 15200 };

function get(requestPath) {
  return new Promise((resolve) => {
    http
      .get({ ...ADMIN, path: requestPath, timeout: 2000 }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part) => (body += part)).on('end', () => resolve({ status: response.statusCode, body }));
      })
      .on('error', () => resolve(undefined));
  });
}

/** Starts `node agent.js` with the sample mesh; resolves once the daemon is ready. */
async function startAgent() {
  const agent = spawn(process.execPath, [path.join(root, 'agent.js'), '--mode=ads'], {
    env: { ...process.env, XDS_ADDRESS: `file://${path.join(root, 'samples/mesh')}` },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Whoever ends the demo ends what it started; the agent undoes the node before it goes.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => agent.kill(signal));
  const ended = once(agent, 'exit').then(([code, signal]) => {
    throw new Error(`the agent ended (${signal ?? `exit ${code}`}) before it was ready; its log stands above`);
  });
  ended.catch(() => {});
  const ready = (async () => {
    while ((await get('/healthz/ready'))?.status !== 200) await delay(100);
  })();
  await Promise.race([ready, ended]);
  return async () => {
    agent.kill('SIGTERM');
    await ended.catch(() => {});
  };
}

async function main() {
  setup();
  const running = await get('/healthz/ready');
  const stop = running ? undefined : await startAgent();
  if (running && running.status !== 200) throw new Error(`the agent that runs here is not ready: ${running.body.trim()}`);
  try {
    const dump = await get('/config_dump');
    if (!dump?.body.includes('hello.sample')) {
      throw new Error('the agent that runs here does not use samples/mesh; stop it, or start it by `npm start`');
    }
    const client = spawn('unshare', ['--net', process.execPath, path.join(root, 'scripts/demo-client.mjs')], { stdio: 'inherit' });
    const [code] = await once(client, 'exit');
    if (code !== 0) throw new Error(`the demo's client failed (exit ${code})`);
  } finally {
    await stop?.();
  }
}

main().catch((error) => {
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
});
