// SPDX-License-Identifier: Apache-2.0
/**
 * A place where tests may attach programs and make connections: network and mount namespaces of their own, with
 * loopback only, so that nothing leaves the machine and all mounts and pins end with the process. The service
 * addresses of the tests have no route there: ENETUNREACH is what "goes to the original address" looks like.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import t from 'tap';
import { temporaryFolder } from './bpfObject.js';

const INSIDE = 'KMESH_TEST_SANDBOX';
const CGROUP_PREFIX = 'kmesh-test-';
const BPFFS = '/sys/fs/bpf';
/** fcntl.h. */
const F_SETFD = 2;

/**
 * Runs the calling test file inside a sandbox: replaces the process (same pid, same stdio, so that tap notices
 * nothing) by itself under unshare(1), and returns there. Where that is not possible the whole file is skipped with
 * the reason, or fails with CI=true.
 *
 * To be awaited before anything else in the file.
 */
export async function enterSandbox(importMetaUrl: string): Promise<void> {
  if (process.env[INSIDE] === undefined) {
    const reason = whyNot();
    if (reason !== undefined) leave(reason);
    execInNamespaces(fileURLToPath(importMetaUrl));
  }
  process.on('exit', removeOwnCgroups);
  removeDeadCgroups();
  run('mount', ['-t', 'bpf', 'bpf', BPFFS]);
  run('ip', ['link', 'set', 'lo', 'up']);
}

/** What the machine lacks; undefined when a sandbox can be made. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: namespaces and BPF programs';
  if (findCgroup2() === undefined) return 'needs a mounted cgroup2 hierarchy';
  if (!fs.readFileSync('/proc/filesystems', 'utf8').includes('\tbpf\n')) return 'needs a kernel with BPF file systems';
  try {
    run('unshare', ['--net', '--mount', '--propagation', 'private', 'true']);
    return undefined;
  } catch (error) {
    return `needs network and mount namespaces: ${(error as Error).message.trim()}`;
  }
}

function leave(reason: string): never {
  if (process.env['CI'] === 'true') t.fail(reason);
  else t.pass('runs in a sandbox', { skip: reason });
  t.end();
  process.exit();
}

function execInNamespaces(file: string): never {
  const unshare = findInPath('unshare');
  const args = ['unshare', '--net', '--mount', '--propagation', 'private', process.execPath, ...process.execArgv, file, ...process.argv.slice(2)];
  const environment = Object.entries({ ...process.env, [INSIDE]: '1' }).map(([name, value]) => `${name}=${value}`);
  const libc = koffi.load(null);
  const fcntl = libc.func('int fcntl(int fd, int command, int argument)');
  // Node marks standard streams close-on-exec too (uv_disable_stdio_inheritance).
  for (const fd of [0, 1, 2]) fcntl(fd, F_SETFD, 0);
  const execve = libc.func('int execve(const char *path, const char **argv, const char **envp)');
  execve(unshare, [...args, null], [...environment, null]);
  throw new Error(`execve of ${unshare} failed with errno ${koffi.errno()}`);
}

function findInPath(command: string): string {
  const found = (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(':').map((folder) => path.join(folder, command)).find((file) => fs.existsSync(file));
  if (found === undefined) throw new Error(`${command} is not in PATH`);
  return found;
}

/** Runs a tool to its end. @throws with what it wrote to stderr. */
export function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
}

/** Mount point of the cgroup2 hierarchy: /sys/fs/cgroup, or beside the v1 hierarchies of a hybrid host. */
function findCgroup2(): string | undefined {
  for (const line of fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const fields = left.split(' ');
    if (right.startsWith('cgroup2 ') && fields[3] === '/') return fields[4];
  }
  return undefined;
}

let madeCgroups = 0;

/**
 * A cgroup below the root of the hierarchy. Programs of tests are attached to such a cgroup only. Removed at the end
 * of the process, with what still runs in it.
 */
export function makeCgroup(): string {
  const mount = findCgroup2()!;
  const folder = path.join(mount, `${CGROUP_PREFIX}${process.pid}-${(madeCgroups += 1)}`);
  fs.mkdirSync(folder);
  return folder;
}

function removeOwnCgroups(): void {
  for (let i = 1; i <= madeCgroups; i += 1) removeCgroup(path.join(findCgroup2()!, `${CGROUP_PREFIX}${process.pid}-${i}`));
}

/** Cgroups of test processes that were killed before they could remove them. */
function removeDeadCgroups(): void {
  const mount = findCgroup2()!;
  for (const name of fs.readdirSync(mount)) {
    const pid = name.startsWith(CGROUP_PREFIX) ? name.slice(CGROUP_PREFIX.length).split('-')[0] : undefined;
    if (pid !== undefined && !fs.existsSync(`/proc/${pid}`)) removeCgroup(path.join(mount, name));
  }
}

function removeCgroup(folder: string): void {
  if (fs.existsSync(folder)) for (const below of fs.readdirSync(folder, { withFileTypes: true })) if (below.isDirectory()) removeCgroup(path.join(folder, below.name));
  const deadline = Date.now() + 30_000;
  while (fs.existsSync(folder)) {
    for (const pid of fs.readFileSync(path.join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // Gone between the two calls.
      }
    }
    try {
      fs.rmdirSync(folder);
    } catch (error) {
      // Killed processes leave the cgroup a little later. No event tells so, and 'exit' handlers cannot await one.
      if (Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

const sources = path.dirname(fileURLToPath(import.meta.url));
let tools: string | undefined;

/** Compiles a C program of this folder, once a process, into a folder that goes with the process. */
export function compileTool(name: string): string {
  tools ??= temporaryFolder();
  const program = path.join(tools, name);
  if (!fs.existsSync(program)) run('gcc', ['-O1', '-Wall', '-Werror', '-o', program, path.join(sources, `${name}.c`)]);
  return program;
}

/** The same for a library that is to be preloaded. */
export function compileLibrary(name: string): string {
  tools ??= temporaryFolder();
  const library = path.join(tools, `${name}.so`);
  if (!fs.existsSync(library)) run('gcc', ['-O1', '-Wall', '-Werror', '-shared', '-fPIC', '-o', library, path.join(sources, `${name}.c`), '-ldl']);
  return library;
}

/** Starts a command as a member of a cgroup: it is in there before its first instruction. */
export function spawnInCgroup(cgroup: string, command: string, args: readonly string[]): ChildProcess {
  return spawn(compileTool('in-cgroup'), [cgroup, command, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}
