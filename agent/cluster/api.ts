// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';
import { SERVICE_ACCOUNT } from '../../common/apiAccess.js';
import { apiAccess, MAX_BYTES } from './access.js';

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

/** Whether a DaemonSet can be asked about: in a pod, and where --kubeconfig speaks for a pod without an account. */
export async function isInCluster(ctx: Context): Promise<boolean> {
  const named = ctx.options.kubeconfig !== undefined && (ctx.sys.env['POD_NAME'] ?? '') !== '';
  return named || (await isPod(ctx));
}

/** POD_NAMESPACE of the downward API, or the one that comes with the account; undefined: neither is there. */
export async function podNamespace({ sys }: Context): Promise<string | undefined> {
  const named = sys.env['POD_NAMESPACE'];
  if (named !== undefined && named !== '') return named;
  return await sys.readText(path.join(SERVICE_ACCOUNT, 'namespace'), MAX_BYTES).then((text) => text.trim(), () => undefined);
}

/** Asks the API server as the pod's own account, or as --kubeconfig says; asks again when nobody answers. Never throws. */
export async function askApi(ctx: Context, resource: string): Promise<ApiAnswer | Silence> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await askOnce(ctx, resource);
    if (!('silence' in answer) || attempt === TRIES || ctx.hurry.aborted) return answer;
    await ctx.sys.sleep(PAUSE_MS, ctx.hurry);
  }
}

async function askOnce(ctx: Context, resource: string): Promise<ApiAnswer | Silence> {
  let reached = 'the API server is not asked';
  try {
    const { server, ...proof } = await apiAccess(ctx);
    reached = `${server} does not answer`;
    const answer = await ctx.sys.httpsGet({ url: `${server}${resource}`, ...proof, timeoutMs: ANSWER_MS });
    return answer.status < 500 && answer.status !== 429 ? answer : { silence: `${server} answers ${answer.status}` };
  } catch (error) {
    return { silence: `${reached}: ${(error as Error).message}` };
  }
}
