// SPDX-License-Identifier: Apache-2.0
/** A small API server: lists in pages, watches with selectors and bookmarks, forgets the past (410), patches, and can be away. */
import { once } from 'node:events';
import fs from 'node:fs';
import type http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { makeCertificates } from './certificates.js';

export interface KubeObject {
  kind: 'Pod' | 'Namespace';
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { nodeName?: string; hostNetwork?: boolean };
  status?: { phase?: string; podIP?: string };
}

type Kind = KubeObject['kind'];

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly before: KubeObject | undefined;
  readonly object: KubeObject;
}

interface Watch {
  readonly kind: Kind;
  readonly matches: (object: KubeObject) => boolean;
  readonly response: http.ServerResponse;
}

const keyOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

export class KubeApi {
  /** Objects that a page of a list holds at most. */
  pageSize = 500;
  /** What the server takes for a token. */
  token = 'first.token';
  /** Answers, instead of the right one, to requests whose path begins so. */
  readonly faults = new Map<string, number | 'hang up' | 'silence'>();
  /** Method and URL of each request, in order. */
  readonly requests: string[] = [];
  readonly #folder: string;
  readonly #server: https.Server;
  readonly #sockets = new Set<Duplex>();
  readonly #objects = new Map<string, KubeObject>();
  readonly #watches = new Set<Watch>();
  readonly #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];
  #changes: Change[] = [];
  #version = 100;
  /** Versions before this one are forgotten. */
  #floor = 0;
  #port = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    const { certificate, key, rootFile } = makeCertificates(folder, 'localhost');
    fs.renameSync(rootFile, path.join(folder, 'ca.crt'));
    this.writeToken();
    this.#server = https.createServer({ cert: certificate, key }, (request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param folder becomes that of a pod's account: ca.crt and token */
  static async start(folder: string): Promise<KubeApi> {
    const api = new KubeApi(folder);
    await api.listen();
    return api;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Nobody listens any more, and whoever is connected is cut off. */
  async goAway(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  get env(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String(this.#port) };
  }

  /** The folder with the account. */
  get account(): string {
    return this.#folder;
  }

  /** What the kubelet does when the token is renewed. */
  writeToken(token = this.token): void {
    fs.writeFileSync(path.join(this.#folder, 'token'), `${token}\n`);
  }

  /** Breaks every connection off. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Forgets what was before now. */
  compact(): void {
    this.#floor = this.#version;
    this.#changes = [];
  }

  /** Tells watches where they are. */
  bookmark(): void {
    this.#version += 1;
    for (const { kind, response } of this.#watches) response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { kind, metadata: { resourceVersion: String(this.#version) } } })}\n`);
  }

  /** Writes whatever to all watches. */
  tell(text: string): void {
    for (const { response } of this.#watches) response.write(text);
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Resolves when something holds that requests and watches can change. */
  async until(holds: () => boolean): Promise<void> {
    if (!holds()) await new Promise<void>((resolve) => void this.#waiting.push({ holds, resolve }));
  }

  get(kind: Kind, name: string, namespace?: string): KubeObject | undefined {
    return this.#objects.get(`${kind} ${namespace ?? ''}/${name}`);
  }

  put(object: KubeObject): void {
    const before = this.#objects.get(keyOf(object));
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#objects.set(keyOf(object), stored);
    this.#change({ version: this.#version, type: before === undefined ? 'ADDED' : 'MODIFIED', before, object: stored });
  }

  remove(kind: Kind, name: string, namespace?: string): void {
    const before = this.get(kind, name, namespace)!;
    this.#version += 1;
    this.#objects.delete(keyOf(before));
    this.#change({ version: this.#version, type: 'DELETED', before, object: { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } } });
  }

  #change(change: Change): void {
    this.#changes.push(change);
    for (const watch of this.#watches) this.#send(watch, change);
    this.#moved();
  }

  /** As selectors see it: what no longer matches is deleted, what begins to match is added. */
  #send({ kind, matches, response }: Watch, { type, before, object }: Change): void {
    if (object.kind !== kind) return;
    const [was, is] = [before !== undefined && matches(before), type !== 'DELETED' && matches(object)];
    if (was || is) response.write(`${JSON.stringify({ type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', object })}\n`);
  }

  #moved(): void {
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.holds()) waiting.resolve();
      else this.#waiting.push(waiting);
    }
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'https://localhost');
    this.requests.push(`${request.method} ${request.url}`);
    this.#moved();
    const fault = [...this.faults].find(([start]) => `${request.method} ${url.pathname}${url.search}`.startsWith(start))?.[1];
    if (fault === 'hang up') request.socket.destroy();
    if (fault === 'hang up' || fault === 'silence') return;
    if (fault !== undefined) return status(response, fault, 'a fault of the test');
    if (request.headers.authorization !== `Bearer ${this.token}`) return status(response, 401, 'Unauthorized');
    if (url.pathname === '/api/v1/pods' || url.pathname === '/api/v1/namespaces') {
      const of = url.pathname === '/api/v1/pods' ? 'Pod' : 'Namespace';
      if (url.searchParams.get('watch') === '1') return this.#watch(of, url.searchParams, response);
      return this.#list(of, url.searchParams, response);
    }
    const [, namespace = '', pod] = /^\/api\/v1\/namespaces\/([^/]+)(?:\/pods\/([^/]+))?$/.exec(url.pathname) ?? [];
    const object = pod === undefined ? this.get('Namespace', namespace) : this.get('Pod', pod, namespace);
    if (object === undefined) return status(response, 404, 'NotFound');
    if (request.method === 'PATCH') return this.#patch(object, request, response);
    json(response, 200, object);
  }

  #list(kind: Kind, query: URLSearchParams, response: http.ServerResponse): void {
    const matches = selector(query);
    const all = [...this.#objects.values()].filter((object) => object.kind === kind && matches(object));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Math.min(this.pageSize, Number(query.get('limit') ?? 500));
    json(response, 200, { kind: `${kind}List`, metadata: { resourceVersion: String(this.#version), ...(to < all.length ? { continue: String(to) } : {}) }, items: all.length === 0 ? null : all.slice(from, to) });
  }

  #watch(kind: Kind, query: URLSearchParams, response: http.ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    const watch = { kind, matches: selector(query), response };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < this.#floor) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' } })}\n`);
      return;
    }
    for (const change of this.#changes) if (change.version > from) this.#send(watch, change);
    this.#watches.add(watch);
    response.on('close', () => {
      this.#watches.delete(watch);
      this.#moved();
    });
    this.#moved();
  }

  async #patch(object: KubeObject, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request) text += String(part);
    const { metadata } = JSON.parse(text) as { metadata: { uid?: string; annotations: Record<string, string | null> } };
    if (request.headers['content-type'] !== 'application/merge-patch+json') return status(response, 415, 'UnsupportedMediaType');
    if (metadata.uid !== undefined && metadata.uid !== object.metadata.uid) return status(response, 409, 'Conflict');
    const annotations: Record<string, string | null> = { ...object.metadata.annotations, ...metadata.annotations };
    const kept = Object.fromEntries(Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== null));
    this.put({ ...object, metadata: { ...object.metadata, annotations: kept } });
    json(response, 200, this.#objects.get(keyOf(object)));
  }
}

/** The two that the daemon sends. */
function selector(query: URLSearchParams): (object: KubeObject) => boolean {
  const node = /^spec\.nodeName=(.*)$/.exec(query.get('fieldSelector') ?? '')?.[1];
  const label = query.get('labelSelector');
  return ({ spec, metadata }) => (node === undefined || spec?.nodeName === node) && (label === null || metadata.labels?.[label] !== undefined);
}

function json(response: http.ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const status = (response: http.ServerResponse, code: number, reason: string): void => json(response, code, { kind: 'Status', code, reason, message: reason });
