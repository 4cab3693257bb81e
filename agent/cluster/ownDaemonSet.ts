// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import type { Context } from '../context.js';
import { type ApiAnswer, askApi, podNamespace, type Silence } from './api.js';

const RETRY_MS = 30_000;

const meta = z.object({ metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional(), ownerReferences: z.array(z.object({ kind: z.string(), name: z.string().max(253) })).max(100).optional() }) });

/** How the API server says no; anybody between can answer 404, too, but not like this. */
const refusal = z.object({ kind: z.literal('Status'), reason: z.string() });

/** Whether mounts, programs, maps and kernel module stay when the agent stops, and why. */
export interface Verdict {
  readonly keep: boolean;
  readonly why: string;
}

const keep = (why: string): Verdict => ({ keep: true, why });
const leave = (why: string): Verdict => ({ keep: false, why });

const EXISTS = keep('the DaemonSet exists: this is a restart or an upgrade');

const json = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * The DaemonSet that this pod belongs to. `kubectl delete -f` of the whole yaml takes the account that asks away as well as the
 * DaemonSet: 401 and 403 to a question that was answered before mean the same as 404.
 */
export class OwnDaemonSet {
  readonly #ctx: Context;
  #resource: string | undefined;
  #answered = false;
  #trouble = 'it was not asked yet';

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  /** Finds out which it is and that it may be asked about; tries until it knows or `end` is aborted. */
  async learn(end: AbortSignal): Promise<void> {
    const { sys, log } = this.#ctx;
    for (let told = ''; !end.aborted; ) {
      if (await this.#lookUp()) return;
      // What is not in the environment will not come.
      const hopeless = !isName(sys.env['POD_NAME']);
      if (told !== this.#trouble) log.warn(`whether this pod's DaemonSet exists cannot be asked: ${this.#trouble}; until it can, a stop keeps mounts, programs, maps and kernel module`);
      if (hopeless) return;
      told = this.#trouble;
      await sys.sleep(RETRY_MS, end);
    }
  }

  /** Asked when the agent stops. */
  async verdict(): Promise<Verdict> {
    if (this.#resource === undefined) await this.#lookUp();
    if (this.#resource === undefined) return keep(`whether this pod is restarted or removed is not known: ${this.#trouble}`);
    const verdict = this.#judge(await askApi(this.#ctx, this.#resource));
    return verdict === EXISTS && (await this.#namespaceEnds()) ? leave('its namespace is being deleted') : verdict;
  }

  /** What a namespace holds is deleted in any order: the pod may well be told to stop before the DaemonSet goes. */
  async #namespaceEnds(): Promise<boolean> {
    const answer = await askApi(this.#ctx, `/api/v1/namespaces/${await podNamespace(this.#ctx)}`);
    if ('silence' in answer || answer.status !== 200) return false;
    return meta.safeParse(json(answer.body)).data?.metadata.deletionTimestamp !== undefined;
  }

  #judge(answer: ApiAnswer | Silence): Verdict {
    if ('silence' in answer) return keep(`whether the DaemonSet exists is not known: ${answer.silence}`);
    const body = json(answer.body);
    if (answer.status === 200) {
      const found = meta.safeParse(body);
      if (!found.success) return keep('the answer of the API server cannot be understood');
      return found.data.metadata.deletionTimestamp === undefined ? EXISTS : leave('the DaemonSet is being deleted');
    }
    const reason = refusal.safeParse(body).data?.reason;
    if (answer.status === 404 && reason === 'NotFound') return leave('the DaemonSet is gone');
    const refused = answer.status === 401 || answer.status === 403;
    if (refused && this.#answered) return leave(`the API server answers ${answer.status} to what it answered before: the account or its rights were deleted`);
    return keep(`whether the DaemonSet exists is not known: the API server answers ${answer.status}`);
  }

  /** @returns whether the question was answered */
  async #lookUp(): Promise<boolean> {
    this.#resource ??= await this.#ownerOfPod();
    if (this.#resource === undefined) return false;
    const answer = await askApi(this.#ctx, this.#resource);
    if ('silence' in answer) this.#trouble = answer.silence;
    else if (answer.status !== 200) this.#trouble = `the API server answers ${answer.status} for ${this.#resource}`;
    else this.#answered = meta.safeParse(json(answer.body)).success;
    return this.#answered;
  }

  async #ownerOfPod(): Promise<string | undefined> {
    const name = this.#ctx.sys.env['POD_NAME'];
    const namespace = await podNamespace(this.#ctx);
    if (!isName(name) || !isName(namespace)) return this.#troubled('POD_NAME and POD_NAMESPACE are not set');
    const answer = await askApi(this.#ctx, `/api/v1/namespaces/${namespace}/pods/${name}`);
    if ('silence' in answer) return this.#troubled(answer.silence);
    if (answer.status !== 200) return this.#troubled(`the API server answers ${answer.status} for pod ${namespace}/${name}`);
    const owner = meta.safeParse(json(answer.body)).data?.metadata.ownerReferences?.find(({ kind }) => kind === 'DaemonSet');
    if (!isName(owner?.name)) return this.#troubled(`pod ${namespace}/${name} belongs to no DaemonSet`);
    return `/apis/apps/v1/namespaces/${namespace}/daemonsets/${owner?.name}`;
  }

  #troubled(why: string): undefined {
    this.#trouble = why;
  }
}

/** A DNS subdomain: it goes into the path of a URL as it is. */
const isName = (text: string | undefined): boolean => text !== undefined && /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text);
