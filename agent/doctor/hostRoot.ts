// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Context } from '../context.js';
import { KmeshError } from '../errors.js';
import { ExecError, type Exec } from '../exec.js';
import { isErrno, type Sys } from '../sys.js';
import { NotCaptured } from './blind.js';
import { commandKey, MANIFEST, type Manifest, manifest } from './manifest.js';
import { resolve } from './paths.js';
import type { Look } from './watch.js';

type World = Pick<Context, 'sys' | 'exec' | 'options' | 'root'>;

const MAX_MANIFEST_BYTES = 16 << 20;
const MAX_FILE_BYTES = 64 << 20;
const MAX_TEXT_BYTES = 4096;

const READS: readonly Look[] = ['readBytes', 'readText', 'readGzip'];

/** Where a look at a path of the host goes. */
interface Place {
  /** On this machine. */
  readonly real: string;
  /** On the host, without links. */
  readonly at: string;
}

/**
 * A host from its captured folder: every path means one below the folder, and no link leads out of it. What no file tells
 * comes from the folder's manifest; where there is none it is "not in this capture", and the agent's own files (its
 * sources, daemon.js) are those of this agent.
 *
 * @throws KM_HOST_ROOT
 */
export async function openCapture(world: World, folder: string): Promise<World> {
  const { sys } = world;
  if ((await sys.stat(folder))?.kind !== 'directory') throw refuse(`${folder} is no folder`);
  const given = await readManifest(sys, folder);
  const release = given?.kernelRelease ?? (await releaseOf(sys, folder));
  if (release === undefined) throw refuse(`${folder} has neither ${MANIFEST}, nor proc/sys/kernel/osrelease, nor exactly one folder in lib/modules: it does not tell which kernel it is of`);
  const place = (file: string, followLast: boolean): Promise<Place> => placeOf(world, folder, given, file, followLast);
  const about = given ?? { architecture: 'unknown', cpus: 1, effectiveUid: 0, pid: 0, env: {} };
  const { architecture, cpus, effectiveUid, pid, env } = about;
  const looks: Sys = { ...capturedLooks(sys, folder, given, place), httpGet: async (url) => recalled(given?.http[url], `whether ${url} answers`) ?? undefined };
  const { options, root } = given === undefined ? world : { options: { ...world.options, ...optionsOf(given) }, root: given.root };
  return { sys: { ...looks, kernelRelease: release, architecture, cpus, effectiveUid, pid, env }, exec: captureExec(given), options, root };
}

const refuse = (detail: string, cause?: unknown): KmeshError => new KmeshError('KM_HOST_ROOT', detail, { cause });

function optionsOf({ options }: Manifest): Pick<Context['options'], 'stateDir' | 'cgroup2Path' | 'attachCgroup' | 'bpfFsPath' | 'bpfHeader' | 'kernelHeaders' | 'module' | 'moduleSigningKey' | 'moduleSigningCert' | 'bundle' | 'manage' | 'installCni' | 'cniFailure' | 'cniConfDir' | 'cniBinDir' | 'kubeconfig' | 'statusAddress' | 'statusPort' | 'metricsPort' | 'require' | 'daemonArgs'> {
  const { stateDir, cgroup2Path, attachCgroup, bpfFsPath, bpfHeader, kernelHeaders, module, moduleSigningKey, moduleSigningCert, bundle, manage, installCni, cniFailure, cniConfDir, cniBinDir, kubeconfig, statusAddress, statusPort, metricsPort, require, daemonArgs } = options;
  return { stateDir, cgroup2Path, attachCgroup, bpfFsPath, bpfHeader, kernelHeaders, module, moduleSigningKey, moduleSigningCert, bundle, manage, installCni, cniFailure, cniConfDir, cniBinDir, kubeconfig, statusAddress, statusPort, metricsPort, require, daemonArgs };
}

async function readManifest(sys: Sys, folder: string): Promise<Manifest | undefined> {
  const file = (await below(sys, folder, `/${MANIFEST}`, true)).real;
  try {
    return manifest.parse(JSON.parse(await sys.readText(file, MAX_MANIFEST_BYTES)));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw refuse(`${file} is no manifest of a capture: ${(error as Error).message.slice(0, 300)}`, error);
  }
}

async function releaseOf(sys: Sys, folder: string): Promise<string | undefined> {
  const real = async (file: string): Promise<string> => (await below(sys, folder, file, true)).real;
  const shown = await sys.readText(await real('/proc/sys/kernel/osrelease'), MAX_TEXT_BYTES).catch(() => undefined);
  const installed = await sys.list(await real('/lib/modules')).catch(() => []);
  return shown?.trim() ?? (installed.length === 1 ? installed[0] : undefined);
}

async function below(sys: Sys, folder: string, file: string, followLast: boolean): Promise<Place> {
  const readLink = (at: string): Promise<string | undefined> => sys.readLink(path.join(folder, at)).catch(() => undefined);
  const { path: at } = await resolve(readLink, file, followLast);
  return { real: path.join(folder, at), at };
}

async function placeOf({ sys, root }: World, folder: string, given: Manifest | undefined, file: string, followLast: boolean): Promise<Place> {
  const own = given === undefined && (file === root || file.startsWith(`${root}/`));
  return own ? { real: file, at: file } : below(sys, folder, file, followLast);
}

/** What the manifest says; `undefined` there: the capture does not tell. */
function recalled<T>(answer: T | undefined, what: string): T {
  if (answer === undefined) throw new NotCaptured(`${what} is not in this capture`);
  return answer;
}

function capturedLooks(sys: Sys, folder: string, given: Manifest | undefined, place: (file: string, followLast: boolean) => Promise<Place>): Sys {
  const failed = (name: Look, { at }: Place): void => {
    const error = given?.errors[`${name} ${at}`];
    if (READS.includes(name) && given?.withheld.includes(at) === true) throw new NotCaptured(`what ${at} holds is not in this capture, since it may be a secret or is too large`);
    if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code, path: at });
  };
  /** Looks below the folder and tells of failures by the host's paths. */
  const look = <T>(name: Look, file: string, work: (where: Place) => Promise<T>): Promise<T> =>
    place(file, name !== 'readLink').then(async (where) => {
      failed(name, where);
      return work(where).catch((error: unknown) => {
        const { code, message } = error as NodeJS.ErrnoException;
        throw code === undefined ? error : Object.assign(new Error(message.replaceAll(folder, '')), { code, path: file });
      });
    });
  const looks: Pick<Sys, Look> = {
    stat: (file) => look('stat', file, async ({ real, at }) => {
      const there = await sys.stat(real);
      return there === undefined ? undefined : (given?.stats[at] ?? there);
    }),
    readBytes: (file, max) => look('readBytes', file, ({ real }) => sys.readBytes(real, max)),
    readText: (file, max) => look('readText', file, ({ real }) => sys.readText(real, max)),
    readGzip: (file, max) => look('readGzip', file, ({ real }) => sys.readGzip(real, max)),
    readLink: (file) => look('readLink', file, ({ real }) => sys.readLink(real)),
    realPath: (file) => look('realPath', file, async ({ real, at }) => {
      if ((await sys.stat(real)) === undefined) throw Object.assign(new Error(`ENOENT: no such file or directory, realpath '${file}'`), { code: 'ENOENT' });
      return at;
    }),
    list: (file) => look('list', file, ({ real }) => sys.list(real)),
    sha256: (file) => look('sha256', file, async ({ real, at }) => given?.digests[at] ?? createHash('sha256').update(await sys.readBytes(real, MAX_FILE_BYTES)).digest('hex')),
    writeObstacle: (file) => look('writeObstacle', file, async ({ at }) => recalled(given?.writeObstacles[at], `whether ${at} can be written`) ?? undefined),
    freeBytes: (file) => look('freeBytes', file, async ({ at }) => recalled(given?.freeBytes[at], `the room at ${at}`)),
  };
  const readSecret = (file: string): Promise<never> => Promise.reject(new NotCaptured(`what ${file} holds is not in this capture, since it is a secret`));
  return { ...sys, ...looks, readSecret };
}

function captureExec(given: Manifest | undefined): Exec {
  return async (file, args) => {
    const { stdout, tail, failure } = recalled(given?.commands[commandKey(file, args)], `what \`${[file, ...args].join(' ')}\` prints`);
    if (failure === undefined) return { stdout, tail };
    const { code, signal, ...rest } = failure;
    throw new ExecError({ ...rest, exit: { code, signal: signal as NodeJS.Signals | undefined }, tail });
  };
}
