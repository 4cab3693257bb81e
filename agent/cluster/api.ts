// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';

/** Mounted into every pod that has a service account; its absence means that this is no pod. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const MAX_BYTES = 1 << 18;
const ANSWER_MS = 3000;
const TRIES = 2;
const PAUSE_MS = 500;

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** No answer, and why. */
export interface Silence {
  readonly silence: string;
}

/** What cannot be told counts as a pod: what stays can be removed, connections that break cannot be mended. */
export const isPod = ({ sys }: Context): Promise<boolean> => sys.stat(path.join(SERVICE_ACCOUNT, 'token')).then((entry) => entry !== undefined, () => true);

/** POD_NAMESPACE of the downward API, or the one that comes with the account; undefined: neither is there. */
export async function podNamespace({ sys }: Context): Promise<string | undefined> {
  const named = sys.env['POD_NAMESPACE'];
  if (named !== undefined && named !== '') return named;
  return await sys.readText(path.join(SERVICE_ACCOUNT, 'namespace'), MAX_BYTES).then((text) => text.trim(), () => undefined);
}

/** Asks the API server as the pod's own account; asks again when nobody answers. Never throws. */
export async function askApi(ctx: Context, resource: string): Promise<ApiAnswer | Silence> {
  const server = apiServer(ctx);
  if (server === undefined) return { silence: 'KUBERNETES_SERVICE_HOST is not set' };
  let silence = '';
  for (let attempt = 1; attempt <= TRIES && !ctx.hurry.aborted; attempt += 1) {
    if (attempt > 1) await ctx.sys.sleep(PAUSE_MS, ctx.hurry);
    try {
      // Read each time: the kubelet renews the token long before it expires.
      const [token, ca] = await Promise.all(['token', 'ca.crt'].map((name) => ctx.sys.readText(path.join(SERVICE_ACCOUNT, name), MAX_BYTES)));
      const answer = await ctx.sys.httpsGet({ url: `${server}${resource}`, token: bearer(token ?? ''), ca: ca ?? '', timeoutMs: ANSWER_MS });
      if (answer.status < 500 && answer.status !== 429) return answer;
      silence = `${server} answers ${answer.status}`;
    } catch (error) {
      silence = `${server} does not answer: ${(error as Error).message}`;
    }
  }
  return { silence };
}

function apiServer({ options, sys }: Context): string | undefined {
  if (options.apiServer !== undefined) return options.apiServer;
  const host = sys.env['KUBERNETES_SERVICE_HOST'];
  if (host === undefined || host === '') return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${sys.env['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
}

/** What is no token is not sent, nor repeated in an error. */
function bearer(text: string): string {
  const token = text.trim();
  if (!/^[\w.~+/=-]+$/.test(token)) throw new Error('the file of the token holds no token');
  return token;
}
