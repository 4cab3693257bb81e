// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import { type Context, failure } from './context.js';
import type { HttpReply, HttpServer } from './httpServer.js';
import { expositionText } from '../common/prometheus.js';
import { agentMetrics } from './status/metrics.js';
import { statusPage } from './status/page.js';
import { type PodsStatus, podsStatus } from './status/pods.js';
import { notReadyYet, type ReadyView, statusView, type StatusView } from './status/statusView.js';
import { adminPort } from './supervisor/command.js';
import { readyUrl } from './supervisor/readiness.js';

/** A daemon that answers at all does so within a millisecond; kubelet gives a probe one second. */
const ANSWER_MS = 800;

/** The daemon has some lines for each service and each pod. */
const MAX_METRICS_CHARS = 32 << 20;

/** Of the body of the daemon's /healthz/ready. */
const daemonReady = z.object({ ready: z.boolean(), stale: z.boolean().default(false), code: z.string().max(100).optional(), reason: z.string().max(2000).optional() });

const json = (status: number, value: unknown): HttpReply => ({ status, type: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` });

/**
 * Serves what the agent shows of itself: probes, `/status` and a page on one port, metrics on another.
 *
 * @returns what closes both
 * @throws KM_STATUS_PORT
 */
export async function serveStatus(ctx: Context, version: string): Promise<() => Promise<void>> {
  const { statusPort, metricsPort } = ctx.options;
  const status = statusSource(ctx, version);
  const servers = [await listen(ctx, statusPort, (path) => statusReply(ctx, status, path))];
  try {
    servers.push(await listen(ctx, metricsPort, (path) => metricsReply(ctx, status, path)));
  } catch (error) {
    for (const server of servers) await server.close();
    throw error;
  }
  const [statusServer, metricsServer] = servers;
  ctx.log.info({ statusPort: statusServer!.port, metricsPort: metricsServer!.port }, `status at port ${statusServer!.port}, metrics at port ${metricsServer!.port}`);
  return async () => {
    for (const server of servers) await server.close();
  };
}

async function listen(ctx: Context, port: number, answer: (path: string) => Promise<HttpReply | undefined>): Promise<HttpServer> {
  const address = ctx.options.statusAddress;
  try {
    return await ctx.sys.serveHttp({ address, port, answer });
  } catch (error) {
    throw failure(ctx, 'KM_STATUS_PORT', `port ${port}${address === undefined ? '' : ` at ${address}`} cannot be served: ${(error as Error).message}`, { cause: error });
  }
}

type StatusSource = () => Promise<StatusView>;

function statusSource(ctx: Context, version: string): StatusSource {
  const { sys, board } = ctx;
  const began = sys.now();
  const ready = shared(() => askDaemon(ctx));
  return async () =>
    statusView(board, {
      version,
      nodeName: sys.env['NODE_NAME'],
      release: sys.kernelRelease,
      architecture: sys.architecture,
      kernel: ctx.results.kernel,
      uptimeMs: sys.now() - began,
      ready: notReadyYet(board) ?? (await ready()),
    });
}

/** Many who ask at once cost one question. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | undefined;
  return () => {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

async function askDaemon({ sys, options }: Context): Promise<ReadyView> {
  const answer = await sys.httpGet(readyUrl(adminPort(options.daemonArgs)), ANSWER_MS);
  if (answer === undefined) return { ready: false, stale: false, reason: `kmesh-daemon does not answer within ${ANSWER_MS} ms` };
  try {
    const { ready, stale, code, reason } = daemonReady.parse(JSON.parse(answer.body));
    return { ready: ready && answer.status === 200, stale, ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) };
  } catch {
    return { ready: false, stale: false, reason: `kmesh-daemon answers ${answer.status} with what cannot be understood` };
  }
}

/** Probes do without: they are asked for often, and have a second. */
async function withPods(ctx: Context, status: StatusSource): Promise<StatusView> {
  const [view, pods] = await Promise.all([status(), askPods(ctx)]);
  return pods === undefined ? view : { ...view, pods };
}

/** What the daemon says of the pods of this node; undefined: it says nothing. */
export async function askPods({ sys, options }: Context): Promise<PodsStatus | undefined> {
  const answer = await sys.httpGet(`http://127.0.0.1:${adminPort(options.daemonArgs)}/pods/summary`, ANSWER_MS);
  return answer?.status === 200 ? podsStatus(answer.body) : undefined;
}

async function statusReply(ctx: Context, status: StatusSource, path: string): Promise<HttpReply | undefined> {
  const { board } = ctx;
  switch (path) {
    case '/healthz/live':
      // That this answers is all that it says: neither the daemon nor the control plane can end the agent by it.
      return json(200, { live: true });
    case '/healthz/startup':
      return json(board.started ? 200 : 503, { started: board.started, phases: board.phases.map(({ name, state, ms }) => ({ name, state, ms })) });
    case '/healthz/ready': {
      const { ready } = await status();
      return json(ready.ready ? 200 : 503, ready);
    }
    case '/status':
      return json(200, await withPods(ctx, status));
    case '/':
      return { status: 200, type: 'text/html; charset=utf-8', body: statusPage(await withPods(ctx, status)) };
    default:
      return undefined;
  }
}

async function metricsReply({ sys, options }: Context, status: StatusSource, path: string): Promise<HttpReply | undefined> {
  if (path !== '/metrics') return undefined;
  const own = expositionText(agentMetrics(await status(), sys.residentBytes()));
  const daemon = await sys.httpGet(`http://127.0.0.1:${adminPort(options.daemonArgs)}/metrics`, ANSWER_MS, MAX_METRICS_CHARS);
  const whole = daemon?.status === 200 && daemon.body.endsWith('\n') ? daemon.body : '';
  return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: own + whole };
}
