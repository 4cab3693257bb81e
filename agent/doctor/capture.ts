// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';
import { ExecError, type Exec } from '../exec.js';
import { isErrno, type Sys } from '../sys.js';
import { type Entry, writeArchive } from './archive.js';
import { CAPTURED_ENV, type CommandAnswer, commandKey, MANIFEST, type Manifest } from './manifest.js';
import { resolve } from './paths.js';
import { hasSecret, isSecretPath, withoutMountSecrets, withoutSecrets } from './secrets.js';
import { aroundLooks, type Look } from './watch.js';

type World = Pick<Context, 'sys' | 'exec' | 'options' | 'root'>;

/** The one folder in an archive. */
const TOP = 'kmesh-capture';
/** What a host gives at most; its BTF is some 6 MB of that. */
const MAX_BYTES = 256 << 20;
/** Failures that the captured folder repeats by itself. */
const SHOWN_BY_TREE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EINVAL'] as const;
const MAX_NAMES = 10_000;
const MAX_GZIP_BYTES = 4 << 20;

/** Lets the checks look and remembers what they saw: that, and nothing else, is in the archive. */
export class Recorder {
  readonly #seen: World;
  readonly #links = new Map<string, string>();
  readonly #files = new Map<string, Uint8Array>();
  readonly #folders = new Set<string>();
  readonly #names = new Set<string>();
  readonly #manifest: Manifest;
  #bytes = 0;

  constructor(seen: World) {
    this.#seen = seen;
    const { sys, options, root } = seen;
    const { stateDir, cgroup2Path, attachCgroup, bpfFsPath, bpfHeader, kernelHeaders, module, moduleSigningKey, moduleSigningCert, bundle, manage, installCni, cniFailure, cniConfDir, cniBinDir, kubeconfig, statusAddress, statusPort, metricsPort, require, daemonArgs } = options;
    const env = CAPTURED_ENV.flatMap((name) => (sys.env[name] === undefined ? [] : [[name, sys.env[name]] as const]));
    this.#manifest = {
      version: 1,
      ...{ kernelRelease: sys.kernelRelease, architecture: sys.architecture, cpus: sys.cpus, effectiveUid: sys.effectiveUid, pid: sys.pid, root },
      options: { stateDir, cgroup2Path, attachCgroup, bpfFsPath, bpfHeader, kernelHeaders, module, moduleSigningKey, moduleSigningCert, bundle, manage, installCni, cniFailure, cniConfDir, cniBinDir, kubeconfig, statusAddress, statusPort, metricsPort, require: [...require], daemonArgs: daemonArgs.map(withoutSecrets) },
      env: Object.fromEntries(env),
      ...{ stats: {}, digests: {}, writeObstacles: {}, freeBytes: {}, errors: {}, commands: {}, http: {}, withheld: [] },
    };
  }

  /** The same world; all that is asked of it is recorded. */
  get world(): World {
    const { sys, exec } = this.#seen;
    const looks = aroundLooks(sys, async (name, file, look) => {
      const at = await this.#place(file, name !== 'readLink');
      try {
        const found = await look();
        await this.#keep(name, file, at, found);
        return found;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code !== undefined && !isErrno(error, ...SHOWN_BY_TREE)) this.#manifest.errors[`${name} ${at}`] = { code, message };
        throw error;
      }
    });
    return { ...this.#seen, sys: { ...looks, httpGet: (url, timeoutMs) => this.#get(url, timeoutMs) }, exec: this.#run(exec) };
  }

  /** The archive of what was seen until now. */
  archive(): Uint8Array {
    const entries = new Map<string, Entry>();
    const add = (entry: Entry): void => void (entries.has(entry.name) || entries.set(entry.name, entry));
    const withParents = (at: string): string => {
      const words = at.split('/').filter((word) => word !== '');
      words.slice(0, -1).forEach((_, i) => add({ kind: 'directory', name: [TOP, ...words.slice(0, i + 1)].join('/') }));
      return [TOP, ...words].join('/');
    };
    add({ kind: 'directory', name: TOP });
    add({ kind: 'file', name: `${TOP}/${MANIFEST}`, content: Buffer.from(`${JSON.stringify(this.#manifest, undefined, 2)}\n`) });
    for (const [at, target] of this.#links) add({ kind: 'link', name: withParents(at), target });
    for (const at of this.#folders) if (at !== '/') add({ kind: 'directory', name: withParents(at) });
    for (const [at, content] of this.#files) add({ kind: 'file', name: withParents(at), content });
    // Names that were only seen in a list, after all of which more is known.
    for (const at of this.#names) add({ kind: 'file', name: withParents(at), content: Buffer.alloc(0) });
    return writeArchive([...entries.values()]);
  }

  async #place(file: string, followLast: boolean): Promise<string> {
    const readLink = (at: string): Promise<string | undefined> => this.#seen.sys.readLink(at).catch(() => undefined);
    const { path: at, links } = await resolve(readLink, file, followLast);
    for (const link of links) this.#links.set(link.path, link.target);
    return at;
  }

  async #keep(name: Look, file: string, at: string, found: unknown): Promise<void> {
    const { stats, digests, writeObstacles, freeBytes } = this.#manifest;
    const entry = found as Awaited<ReturnType<Sys['stat']>>;
    if (name === 'stat' && entry !== undefined) {
      stats[at] = { ...entry };
      if (entry.kind === 'directory') this.#folders.add(at);
      else this.#names.add(at);
    } else if (name === 'list') {
      this.#folders.add(at);
      for (const one of (found as readonly string[]).slice(0, MAX_NAMES)) this.#names.add(path.join(at, one));
    } else if (name === 'readLink') this.#links.set(at, found as string);
    else if (name === 'sha256') {
      digests[at] = found as string;
      this.#names.add(at);
    } else if (name === 'writeObstacle') writeObstacles[at] = (found as string | undefined) ?? null;
    else if (name === 'freeBytes') freeBytes[at] = found as number;
    else if (name === 'readText' || name === 'readBytes') this.#keepContents(file, at, Buffer.from(found as string));
    else if (name === 'readGzip') this.#keepContents(file, at, await this.#seen.sys.readBytes(file, MAX_GZIP_BYTES));
    else if (name === 'realPath') this.#names.add(at);
  }

  #keepContents(file: string, at: string, bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('latin1');
    const secret = isSecretPath(at) || isSecretPath(file) || file === this.#seen.options.moduleSigningKey || hasSecret(text);
    if (secret || this.#bytes + bytes.length > MAX_BYTES) {
      this.#manifest.withheld.push(at);
      this.#names.add(at);
      return;
    }
    this.#bytes += bytes.length;
    this.#files.set(at, at.endsWith('/mountinfo') ? Buffer.from(withoutMountSecrets(text), 'latin1') : bytes);
  }

  async #get(url: string, timeoutMs: number): ReturnType<Sys['httpGet']> {
    const answer = await this.#seen.sys.httpGet(url, timeoutMs);
    this.#manifest.http[url] = answer === undefined ? null : { status: answer.status, body: withoutSecrets(answer.body) };
    return answer;
  }

  #run(exec: Exec): Exec {
    const keep = (file: string, args: readonly string[], answer: CommandAnswer): void => void (this.#manifest.commands[commandKey(file, args)] = answer);
    return async (file, args, options) => {
      try {
        const { stdout, tail } = await exec(file, args, options);
        keep(file, args, { stdout: withoutSecrets(stdout), tail: tail.map(withoutSecrets) });
        return { stdout, tail };
      } catch (error) {
        if (!(error instanceof ExecError)) throw error;
        const { reason, command, exit, errno, timedOut, tail } = error.failure;
        keep(file, args, { stdout: '', tail: tail.map(withoutSecrets), failure: { reason, command, code: exit.code, signal: exit.signal, errno, timedOut } });
        throw error;
      }
    };
  }
}
