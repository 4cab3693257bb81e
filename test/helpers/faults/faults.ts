// SPDX-License-Identifier: Apache-2.0
/** What can go wrong with a call, and calls that go wrong. */
import type { Context } from '../../../agent/context.js';
import type { ExecOptions } from '../../../agent/exec.js';
import type { Sys } from '../../../agent/sys.js';
import { fileError } from './memoryFiles.js';
import { type SyntheticNode, toolError } from './syntheticNode.js';

/** A call to the outside. */
export interface Call {
  /** Phase, with `: held` or `: undone`. */
  readonly where: string;
  /** Method of Sys, `run` or `start`. */
  readonly name: string;
  /** File or command, without what differs from run to run. */
  readonly about: string;
}

const READS = ['stat', 'readBytes', 'readText', 'readGzip', 'readLink', 'realPath', 'list', 'sha256'] as const;
const WRITES = ['makeFolders', 'removeEmptyFolder', 'removeTree', 'writeFileAtomically', 'replaceFile', 'tryLock', 'sync', 'writeExisting', 'copyFile', 'rename'] as const;
const OTHERS = ['followKernelLog', 'httpGet', 'serveHttp', 'kill'] as const;

const ERRNOS = ['EIO', 'EACCES', 'ENOSPC', 'EROFS', 'EADDRINUSE', 'ENOENT'] as const;

/**
 * `late`: it has its effect, then fails. `idle`: it says that all is well and has done nothing. `damaged`: it leaves something
 * else than it should. `dies later`: the daemon ends when the node is in the mesh.
 */
export type Fault = (typeof ERRNOS)[number] | 'garbage' | 'held' | 'not there' | 'fails' | 'late' | 'hangs' | 'hangs late' | 'killed' | 'idle' | 'damaged' | 'dies' | 'dies later' | 'silent' | 'stop';

/** The faults worth trying on a call. */
export function faultsOf({ name, about }: Call): readonly Fault[] {
  if ((READS as readonly string[]).includes(name)) return ['EIO', 'EACCES', 'ENOENT', ...(name === 'stat' || name === 'realPath' ? [] : (['garbage'] as const)), 'stop'];
  if (name === 'tryLock') return ['EIO', 'EROFS', 'ENOENT', 'held', 'stop'];
  // What is not there is no error for a removal.
  if (name === 'removeTree' || name === 'removeEmptyFolder') return ['EIO', 'EROFS', 'stop'];
  if ((WRITES as readonly string[]).includes(name)) return ['EIO', 'ENOSPC', 'EROFS', 'ENOENT', 'stop'];
  if (name === 'run') return ['not there', 'fails', 'late', 'hangs', 'hangs late', 'killed', 'idle', ...(about.startsWith('make') ? (['damaged'] as const) : []), 'stop'];
  if (name === 'start') return ['not there', 'dies', 'dies later', 'stop'];
  if (name === 'httpGet') return ['silent', 'garbage', 'stop'];
  if (name === 'serveHttp') return ['EADDRINUSE', 'EACCES', 'stop'];
  return ['EIO', 'stop'];
}

type Seen = (name: string, about: string) => Fault | undefined;

/** Without what differs from run to run. */
export const plain = (text: string): string => text.replace(/\.partial-[0-9a-f]+/g, '.partial').replace(/[0-9a-f]{64}/g, 'KEY').replace(/\/proc\/1\d{3}\b/g, '/proc/PID').replaceAll(process.execPath, 'node');

export function faultySys(node: SyntheticNode, seen: Seen): Sys {
  const whole = node.sys;
  const one = (name: string) => (first: unknown, ...rest: unknown[]) => {
    const about = plain(typeof first === 'object' ? `port ${(first as { port: number }).port}` : String(first ?? '/dev/kmsg'));
    const call = (): unknown => (whole[name as keyof Sys] as (...args: unknown[]) => unknown)(first, ...rest);
    return broken(name, String(first), seen(name, about), call);
  };
  const methods = [...READS, ...WRITES, ...OTHERS].map((name) => [name, one(name)]);
  return { ...whole, ...(Object.fromEntries(methods) as Partial<Sys>) };
}

function broken(name: string, file: string, fault: Fault | undefined, call: () => unknown): unknown {
  const inOrder = name === 'followKernelLog' || name === 'kill';
  const thrown = (error: Error): unknown => {
    if (inOrder) throw error;
    return Promise.reject(error);
  };
  switch (fault) {
    case undefined:
    case 'stop':
      return call();
    case 'garbage':
      return Promise.resolve(garbage(name));
    case 'held':
    case 'silent':
      return Promise.resolve(undefined);
    case 'ENOENT':
      return name === 'stat' ? Promise.resolve(undefined) : thrown(fileError(fault, file));
    default:
      return thrown(fileError(fault, file));
  }
}

function garbage(name: string): unknown {
  if (name === 'readBytes') return Buffer.from('\0garbage\xff\n', 'latin1');
  if (name === 'list') return ['\uffff', '..garbage'];
  if (name === 'httpGet') return { status: 200, body: '\0garbage' };
  // A link holds no NUL.
  return name === 'readLink' ? 'garbage\uffff' : '\0garbage\uffff\n';
}

/** `make M=...`: what is told apart of a command. */
function commandName(file: string, args: readonly string[]): string {
  const tool = plain(file).replace(/^.*\//, '');
  if (tool === 'make') return `make ${args.some((word) => word.startsWith('M=')) ? 'modules' : 'kmesh.bpf.o'}`;
  if (tool === 'node') return 'node daemon.js --cleanup';
  if (tool === 'mount') return `mount ${args.includes('--bind') ? '--bind' : args[args.indexOf('-t') + 1]}`;
  if (tool === 'umount') return `umount ${args.at(-1)}`;
  return args.includes('--version') ? `${tool} --version` : args.includes('-Werror') ? `${tool} -Werror ...` : tool;
}

export function faultyExec(node: SyntheticNode, seen: Seen): Context['exec'] {
  return async (file, args, options) => {
    const fault = seen('run', commandName(file, args));
    if (fault === undefined || fault === 'stop') return node.exec(file, args, options);
    if (fault === 'not there') throw toolError(file, { reason: 'could not be started (ENOENT)', errno: 'ENOENT', exit: { code: undefined, signal: undefined }, tail: [] });
    if (fault === 'fails') throw toolError(file);
    if (fault === 'killed') throw toolError(file, { reason: 'killed by SIGKILL', exit: { code: undefined, signal: 'SIGKILL' } });
    if (fault === 'hangs') throw timeout(node, file, options);
    if (fault === 'idle') return { stdout: '\0garbage\uffff\n', tail: [] };
    const result = await node.exec(file, args, options);
    if (fault === 'late') throw toolError(file);
    if (fault === 'hangs late') throw timeout(node, file, options);
    for (const [name, product] of [['O', 'kmesh.bpf.o'], ['M', 'kmesh.ko']] as const) {
      const folder = args.find((word) => word.startsWith(`${name}=`))?.slice(2);
      if (folder !== undefined) node.files.put(`${folder}/${product}`, '\0garbage\uffff\n');
    }
    return result;
  };
}

function timeout(node: SyntheticNode, file: string, { timeoutMs }: ExecOptions): Error {
  node.now += timeoutMs;
  return toolError(file, { reason: `took longer than ${timeoutMs / 1000} s`, timedOut: true, exit: { code: undefined, signal: 'SIGTERM' } });
}

export function faultyService(node: SyntheticNode, seen: Seen): Context['startService'] {
  return async (file, args) => {
    const fault = seen('start', 'kmesh-daemon');
    if (fault === 'not there') throw toolError(file, { reason: 'could not be started (EAGAIN)', errno: 'EAGAIN', exit: { code: undefined, signal: undefined } });
    const service = await node.startService(file, args);
    if (fault === 'dies') node.daemon?.end({ code: 3, signal: undefined });
    return service;
  };
}
