// SPDX-License-Identifier: Apache-2.0
import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { serveStatus } from '../../agent/endpoints.js';
import { KmeshError } from '../../agent/errors.js';
import { serveHttp } from '../../agent/httpServer.js';
import { runPhases } from '../../agent/runner.js';
import { noDaemon } from '../../agent/status/board.js';
import { temporaryFolder, type TestContext, testContext } from '../helpers/agentContext.js';
import { freePort } from '../helpers/fakeDaemon.js';

interface Reply {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

async function ask(port: number, path: string, method = 'GET'): Promise<Reply> {
  const request = http.request({ port, host: '127.0.0.1', path, method, agent: false }).end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const part of response) body += String(part);
  return { status: response.statusCode, headers: response.headers, body };
}

interface Serving {
  readonly ctx: TestContext;
  readonly status: number;
  readonly metrics: number;
}

async function serve(t: Test, ctx: TestContext): Promise<Serving> {
  const close = await serveStatus(ctx, '1.2.3');
  t.teardown(close);
  const ports = ctx.lines.find((line) => line['statusPort'] !== undefined)!;
  return { ctx, status: Number(ports['statusPort']), metrics: Number(ports['metricsPort']) };
}

const quiet = { summary: 'does a thing', plan: async () => [] };

/** A daemon's admin interface. @returns its port, and what it is to say. */
async function daemon(t: Test): Promise<{ port: number; says: { status: number; ready: unknown; metrics?: string } }> {
  const says: { status: number; ready: unknown; metrics?: string } = { status: 200, ready: { ready: true, stale: false } };
  const server = http.createServer((request, response) => {
    const metrics = request.url === '/metrics';
    response.writeHead(metrics ? 200 : says.status);
    response.end(metrics ? (says.metrics ?? '') : typeof says.ready === 'string' ? says.ready : JSON.stringify(says.ready));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as net.AddressInfo).port, says };
}

const up = (ctx: TestContext): void => {
  ctx.board.expect([{ name: 'first', summary: '' }]);
  ctx.board.phase('first', { state: 'done', ms: 12 });
  ctx.board.daemon = { ...noDaemon(), state: 'ready', pid: 7, restarts: 2 };
};

t.test('startup follows the phases', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const { status } = await serve(t, ctx);
  t.equal((await ask(status, '/healthz/startup')).status, 503, 'before the first phase');

  let go = (): void => {};
  const running = new Promise<void>((resolve) => (go = resolve));
  const begun = new Promise<void>((began) => {
    const slow = async (): Promise<void> => {
      began();
      await running;
    };
    void runPhases([{ ...quiet, name: 'first', run: async () => {} }, { ...quiet, name: 'second', run: slow }], ctx);
  });
  await begun;
  const during = await ask(status, '/healthz/startup');
  t.equal(during.status, 503);
  t.match(JSON.parse(during.body), { started: false, phases: [{ name: 'first', state: 'done' }, { name: 'second', state: 'running' }] });
  t.match(JSON.parse((await ask(status, '/healthz/ready')).body), { ready: false, reason: 'phase second is running' });

  ctx.board.daemon = { ...noDaemon(), state: 'starting', pid: 7 };
  t.equal((await ask(status, '/healthz/startup')).status, 200, 'a daemon that waits for its control plane is started');
  t.equal((await ask(status, '/healthz/live')).status, 200);
  go();
});

t.test('a phase that failed is named with its code', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const { status } = await serve(t, ctx);
  await runPhases([{ ...quiet, name: 'first', run: () => Promise.reject(new KmeshError('KM_CLANG_MISSING', 'no clang')) }], ctx);
  t.equal((await ask(status, '/healthz/startup')).status, 503);
  t.match(JSON.parse((await ask(status, '/status')).body), { phases: [{ name: 'first', state: 'failed', reason: 'KM_CLANG_MISSING: no clang' }] });
});

t.test('ready is what the daemon says now', async (t) => {
  const { port, says } = await daemon(t);
  const ctx = testContext(temporaryFolder(t), { options: { daemonArgs: ['--admin-port', String(port)] } });
  const { status } = await serve(t, ctx);
  up(ctx);
  const ready = await ask(status, '/healthz/ready');
  t.equal(ready.status, 200);
  t.same(JSON.parse(ready.body), { ready: true, stale: false });

  says.ready = { ready: true, stale: true, code: 'KM_XDS_UNREACHABLE', reason: 'refused' };
  const stale = await ask(status, '/healthz/ready');
  t.equal(stale.status, 200, 'an adopted configuration is ready without a control plane');
  t.match(JSON.parse(stale.body), { stale: true, code: 'KM_XDS_UNREACHABLE' });

  Object.assign(says, { status: 503, ready: { ready: false, reason: 'waiting for the configuration' } });
  t.match(await ask(status, '/healthz/ready'), { status: 503, body: /waiting for the configuration/ });
  says.ready = '<html>';
  t.match(await ask(status, '/healthz/ready'), { status: 503, body: /cannot be understood/ });
  t.equal((await ask(status, '/healthz/live')).status, 200, 'none of which matters to liveness');

  ctx.board.daemon = { ...noDaemon(), state: 'backing-off', delayMs: 250, lastEnd: { how: 'killed by SIGSEGV', tail: [] } };
  t.match(await ask(status, '/healthz/ready'), { status: 503, body: /KM_DAEMON_EXITED.*SIGSEGV/s });
  up(ctx);
  ctx.board.stopping = 'SIGTERM';
  t.match(await ask(status, '/healthz/ready'), { status: 503, body: /the agent is stopping \(SIGTERM\)/ });
});

t.test('a daemon that does not answer makes nobody wait', async (t) => {
  let asked = 0;
  const ctx = testContext(temporaryFolder(t), {
    sys: {
      httpGet: async () => {
        asked += 1;
        return undefined;
      },
    },
  });
  const { status } = await serve(t, ctx);
  up(ctx);
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask(status, '/healthz/ready')));
  t.ok(answers.every((answer) => answer.status === 503 && /does not answer/.test(answer.body)));
  t.ok(asked <= 10);
});

t.test('many who ask at once cost one question', async (t) => {
  let asked = 0;
  let answer = (): void => {};
  const held = new Promise<{ status: number; body: string }>((resolve) => (answer = () => resolve({ status: 200, body: '{"ready":true}' })));
  const ctx = testContext(temporaryFolder(t), {
    sys: {
      httpGet: () => {
        asked += 1;
        return held;
      },
    },
  });
  const { status } = await serve(t, ctx);
  up(ctx);
  const all = Array.from({ length: 20 }, () => ask(status, '/healthz/ready'));
  // One more that is answered at once: those before it on this loop have arrived then.
  await ask(status, '/healthz/live');
  answer();
  for (const one of all) t.equal((await one).status, 200);
  t.ok(asked < 20, `asked ${asked} times`);
});

t.test('the page shows everything, and nothing that it is told can become markup', async (t) => {
  const ctx = testContext(temporaryFolder(t), { sys: { env: { NODE_NAME: '<script>alert(1)</script>' }, httpGet: async () => ({ status: 200, body: '{"ready":true}' }) } });
  const { status } = await serve(t, ctx);
  up(ctx);
  ctx.board.capabilities = [{ name: 'l7-http', title: 'L7 HTTP routing', state: 'off', reason: 'no <b>headers</b>', remedy: 'install "them"' }];
  ctx.board.daemon = { ...noDaemon(), state: 'ready', pid: 7, restarts: 2, lastEnd: { how: 'exit 3', tail: ['a <tail>'] } };
  const { headers, body } = await ask(status, '/');
  t.equal(headers['content-type'], 'text/html; charset=utf-8');
  t.match(headers['content-security-policy'], /default-src 'none'/);
  for (const shown of ['ready</span>', 'first', 'L7 HTTP routing', 'no &lt;b&gt;headers&lt;/b&gt;', 'install &quot;them&quot;', 'a &lt;tail&gt;', 'pid 7', 'started again 2 times']) t.ok(body.includes(shown), shown);
  t.notOk(/<script|<b>|<tail>/.test(body));
  t.notOk(/(?:src|href)="(?!\/status")/.test(body), 'nothing from elsewhere');
});

t.test('metrics have help texts and are those of agent and daemon', async (t) => {
  const { port, says } = await daemon(t);
  says.metrics = '# HELP kmesh_ready r\n# TYPE kmesh_ready gauge\nkmesh_ready 1\n';
  const ctx = testContext(temporaryFolder(t), { options: { daemonArgs: [`--admin-port=${port}`] } });
  const { metrics } = await serve(t, ctx);
  up(ctx);
  ctx.board.capabilities = [{ name: 'l4-ipv4', title: '', state: 'on', reason: '' }];
  ctx.board.restarted('hung');
  ctx.board.turn('starting', { pid: 8 });
  ctx.board.turn('ready');
  const { headers, body } = await ask(metrics, '/metrics');
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const lines = body.trimEnd().split('\n');
  for (const line of lines) t.match(line, /^(?:# HELP \w+ \S.*|# TYPE \w+ (?:counter|gauge)|\w+(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? \d+(?:\.\d+)?(?:e[+-]?\d+)?)$/, line);
  const names = new Set(lines.filter((line) => !line.startsWith('#')).map((line) => /^\w+/.exec(line)![0]));
  for (const name of names) t.ok(lines.some((line) => line.startsWith(`# HELP ${name} `)), `${name} has a help text`);
  for (const line of ['kmesh_agent_ready 1', 'kmesh_agent_daemon_restarts_total{cause="hung"} 1', 'kmesh_agent_daemon_restarts_total{cause="exit-0"} 0', 'kmesh_agent_daemon_transitions_total{transition="starting"} 1', 'kmesh_agent_daemon_transitions_total{transition="crash-loop-left"} 0', 'kmesh_agent_daemon_state{state="ready"} 1', 'kmesh_agent_daemon_state{state="starting"} 0', 'kmesh_agent_daemon_crash_loop 0', 'kmesh_agent_daemon_running 1', 'kmesh_agent_capability{name="l4-ipv4"} 1', 'kmesh_agent_phase_duration_seconds{phase="first",outcome="done"} 0.012', 'kmesh_ready 1']) t.ok(lines.includes(line), line);
  t.equal((await ask(metrics, '/status')).status, 404, 'that port serves nothing else');

  says.metrics = Array.from({ length: 20_000 }, (_, n) => `kmesh_service_connections_total{service="web-${n}.shop.svc.cluster.local"} ${n}\n`).join('');
  t.ok((await ask(metrics, '/metrics')).body.endsWith(says.metrics), 'of a large mesh, too: more than a megabyte');
  says.metrics = 'kmesh_ready 1\nkmesh_cut';
  t.notMatch((await ask(metrics, '/metrics')).body, /kmesh_cut|^kmesh_ready/m, 'what came in part is left out');
});

t.test('only looking is allowed, and little at a time', async (t) => {
  const { status } = await serve(t, testContext(temporaryFolder(t)));
  t.match(await ask(status, '/status', 'POST'), { status: 405, headers: { allow: 'GET, HEAD' } });
  t.match(await ask(status, '/status', 'HEAD'), { status: 200, body: '' });
  t.equal((await ask(status, '//')).status, 404);
  t.equal((await ask(status, '/status?x=1')).status, 200);
  const socket = net.connect(status, '127.0.0.1');
  socket.write(`GET /status HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(10_000)}\r\n\r\n`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  t.match(first.toString(), /^HTTP\/1\.1 431 /, 'a head that is too large');
  socket.destroy();
});

t.test('who asks and never reads keeps nobody out for long', async (t) => {
  const server = await serveHttp({ address: '127.0.0.1', port: 0, answer: async () => ({ status: 200, type: 'text/plain; charset=utf-8', body: 'x'.repeat(1 << 20) }) });
  t.teardown(() => server.close());
  // As many as are let in; more answers than the kernel keeps for a connection.
  const deaf = await Promise.all(Array.from({ length: 64 }, async () => {
    const socket = net.connect(server.port, '127.0.0.1').on('error', () => {}).pause();
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20));
    return socket;
  }));
  t.teardown(() => deaf.forEach((socket) => socket.destroy()));
  // As a kubelet probes: once a second.
  let probes = 0;
  while ((probes += 1) < 30 && (await ask(server.port, '/').catch(() => undefined))?.status !== 200) await new Promise((resolve) => setTimeout(resolve, 1000));
  t.ok(probes < 30, `answered by probe ${probes}`);
});

t.test('a port that is taken is named, and nothing stays open', async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const statusPort = await freePort();
  const { port } = taken.address() as net.AddressInfo;
  const ctx = testContext(temporaryFolder(t), { options: { statusPort, metricsPort: port } });
  await t.rejects(serveStatus(ctx, '1'), { code: 'KM_STATUS_PORT', exitCode: 19, detail: new RegExp(`port ${port} at 127\\.0\\.0\\.1 .*EADDRINUSE`) });
  const again = net.createServer().listen(statusPort, '127.0.0.1');
  await once(again, 'listening');
  again.close();
});
