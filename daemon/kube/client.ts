// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import type http from 'node:http';
import https from 'node:https';
import type { ApiAccess } from '../../common/apiAccess.js';
import { readAccess, type AccessOptions } from './access.js';
import { KubeError } from './errors.js';

/** A list of a node's pods comes in pages of some hundred; one object is below 2 MiB (etcd's limit is 1.5). */
const MAX_ANSWER_BYTES = 32 << 20;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks the API server, each time with the token and the authority that the files hold now. */
export class KubeClient {
  readonly #options: AccessOptions;
  #agent: { readonly ca: string | undefined; readonly agent: https.Agent } | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** @throws KubeError when there is no whole answer in time or before `end`, or none that is JSON */
  async get(path: string, timeoutMs: number, end?: AbortSignal): Promise<Answer> {
    return this.#ask('GET', path, timeoutMs, undefined, end);
  }

  /** Merges into the object (RFC 7386). @throws KubeError */
  async patch(path: string, change: unknown, timeoutMs: number): Promise<Answer> {
    return this.#ask('PATCH', path, timeoutMs, { type: 'application/merge-patch+json', text: JSON.stringify(change) });
  }

  /** An answer that goes on until the server or `signal` ends it. @throws KubeError */
  async stream(path: string, headMs: number, signal: AbortSignal): Promise<http.IncomingMessage> {
    const head = AbortSignal.timeout(headMs);
    const give = new AbortController();
    const giveUp = (): void => give.abort();
    head.addEventListener('abort', giveUp);
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    try {
      // A connection of its own: it is not given back.
      const response = await this.#request('GET', path, undefined, give.signal, true);
      response.once('close', () => signal.removeEventListener('abort', giveUp));
      return response;
    } catch (error) {
      signal.removeEventListener('abort', giveUp);
      throw head.aborted && !signal.aborted ? new KubeError('KM_KUBE_UNREACHABLE', `no answer within ${headMs} ms`) : error;
    } finally {
      head.removeEventListener('abort', giveUp);
    }
  }

  /** Closes connections that are kept for the next question. */
  close(): void {
    this.#agent?.agent.destroy();
  }

  async #ask(method: string, path: string, timeoutMs: number, body?: Body, end?: AbortSignal): Promise<Answer> {
    const limit = AbortSignal.timeout(timeoutMs);
    const signal = end === undefined ? limit : AbortSignal.any([limit, end]);
    try {
      return await this.#askOnce(method, path, body, signal).catch((error: unknown) => {
        // A connection that was kept may have ended meanwhile; all that is asked here can be asked twice.
        if (error instanceof StaleConnection) return this.#askOnce(method, path, body, signal);
        throw error;
      });
    } catch (error) {
      throw limit.aborted ? new KubeError('KM_KUBE_UNREACHABLE', `no answer within ${timeoutMs} ms`) : KubeError.from(error);
    }
  }

  async #askOnce(method: string, path: string, body: Body | undefined, signal: AbortSignal): Promise<Answer> {
    const response = await this.#request(method, path, body, signal, false);
    return { status: response.statusCode ?? 0, body: await json(response) };
  }

  async #request(method: string, path: string, body: Body | undefined, signal: AbortSignal, own: boolean): Promise<http.IncomingMessage> {
    const access = await readAccess(this.#options);
    const headers = {
      accept: 'application/json',
      ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
      ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
    };
    const request = https.request(`${access.server}${path}`, { method, headers, signal, ...proofOf(access), agent: own ? false : this.#agentFor(access) });
    // What happens after the answer began is told by the answer.
    request.on('error', () => {});
    // A peer that is gone without a word is found out before the stream's time is over.
    request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    request.end(body?.text);
    try {
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      return response;
    } catch (error) {
      throw request.reusedSocket && !signal.aborted ? new StaleConnection() : KubeError.from(error);
    }
  }

  /** Connections are kept between questions, since a plugin waits for some of the answers. */
  #agentFor({ ca }: ApiAccess): https.Agent {
    if (this.#agent?.ca !== ca) {
      this.#agent?.agent.destroy();
      this.#agent = undefined;
    }
    this.#agent ??= { ca, agent: new https.Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2 }) };
    return this.#agent.agent;
  }
}

class StaleConnection extends Error {}

interface Body {
  readonly type: string;
  readonly text: string;
}

const KEEP_ALIVE_MS = 15_000;

/** Nobody is trusted but who the named authority signed. */
const proofOf = ({ ca, serverName, certificate, key }: ApiAccess): https.RequestOptions => ({ ca, ...(serverName === undefined ? {} : { servername: serverName }), ...(certificate === undefined ? {} : { cert: certificate, key }) });

async function json(response: http.IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  try {
    return JSON.parse(text);
  } catch {
    // Proxies answer errors in plain text, or HTML.
    return text.slice(0, 200);
  }
}
