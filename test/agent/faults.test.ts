// SPDX-License-Identifier: Apache-2.0
// Faults in every call that the phases up to the mounts make: the calls of a start that goes well are recorded, then each is made to
// fail in turn. Whatever it is, the outcome is a start that came up or an error with a code, and nothing is left behind.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { run } from '../../agent/commands/run.js';
import type { Context } from '../../agent/context.js';
import { EXIT_CODES } from '../../agent/errors.js';
import { exec, ExecError } from '../../agent/exec.js';
import { compileBpf } from '../../agent/phases/compileBpf.js';
import { compileModule } from '../../agent/phases/compileModule.js';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import { insertModule } from '../../agent/phases/insertModule.js';
import { mountFilesystems } from '../../agent/phases/mountFilesystems.js';
import { readHelpers } from '../../agent/phases/readHelpers.js';
import { setMacros } from '../../agent/phases/setMacros.js';
import { releaseMounts } from '../../agent/mounts/release.js';
import { type Sys, sys } from '../../agent/sys.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { enterSandbox } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const PHASES = [detectKernel, readHelpers, setMacros, compileBpf, compileModule, insertModule, mountFilesystems];
const METHODS = ['stat', 'readBytes', 'readText', 'readGzip', 'readLink', 'realPath', 'list', 'makeFolders', 'removeTree', 'writeFileAtomically', 'tryLock', 'sync', 'rename', 'sha256'] as const;
type Method = (typeof METHODS)[number];

const FAULTS = ['EIO', 'ENOENT', 'ENOSPC', 'garbage'] as const;
const TOOL_FAULTS = ['not there', 'fails', 'hangs', 'garbage'] as const;
type Fault = (typeof FAULTS)[number] | (typeof TOOL_FAULTS)[number];

/** A call, without what differs from run to run. */
interface Call {
  readonly name: string;
  readonly about: string;
}

const WRITES: readonly string[] = ['makeFolders', 'writeFileAtomically', 'sync', 'rename', 'removeTree'];
const READS: readonly string[] = ['readBytes', 'readText', 'readGzip', 'readLink', 'sha256'];

/** Calls that fail on a start that goes well: what is not there cannot vanish. */
const absent = new Set<string>();
let recording = true;
let object: Buffer | undefined;
const btf = await sys.readBytes('/sys/kernel/btf/vmlinux', 64 << 20).catch(() => undefined);

function context(folder: string, seen: (call: Call) => Fault | undefined): TestContext {
  const about = (file: string): string => file.replace(folder, 'TEST').replace(/\.partial-[0-9a-f]+/g, '.partial').replace(/[0-9a-f]{64}/g, 'KEY');
  const faulty = Object.fromEntries(METHODS.map((method) => [method, async (file: string, ...rest: unknown[]) => {
    const fault = seen({ name: method, about: about(file) });
    if (fault === 'garbage') return garbage(method);
    if (fault !== undefined) throw Object.assign(errno(fault), { path: file });
    if (method === 'readBytes' && file === '/sys/kernel/btf/vmlinux' && btf !== undefined) return btf;
    try {
      return await (sys[method] as (...args: unknown[]) => unknown)(file, ...rest);
    } catch (error) {
      if (recording) absent.add(`${method} ${about(file)}`);
      throw error;
    }
  }])) as Partial<Sys>;
  const tools: Context['exec'] = async (file, args, options) => {
    const fault = seen({ name: 'exec', about: `${file} ${args[0] ?? ''}`.replace(/ (-n|-s|--no-print-directory)$/, '') });
    const failed = (reason: string, more: object = {}): never => {
      throw new ExecError({ reason, command: file, exit: { code: 1, signal: undefined }, timedOut: false, tail: [`${file}: ${reason}`], ...more });
    };
    if (fault === 'not there') failed('could not be started (ENOENT)', { errno: 'ENOENT', exit: { code: undefined, signal: undefined } });
    if (fault === 'fails') failed('exit 1');
    if (fault === 'hangs') failed('took longer than it may', { timedOut: true, exit: { code: undefined, signal: 'SIGTERM' } });
    if (fault === 'garbage') return { stdout: '\u0000\uffff\n', tail: [] };
    if (file !== 'make' || object === undefined) return exec(file, args, options);
    // The compiler is tested elsewhere; here it takes no time.
    const partial = args.find((word) => word.startsWith('O='))!.slice(2);
    await sys.makeFolders(partial);
    await sys.writeFileAtomically(path.join(partial, 'kmesh.bpf.o'), object);
    return { stdout: '', tail: [] };
  };
  return testContext(folder, { sys: faulty, exec: tools, options: { until: 'mount-filesystems' } });
}

function garbage(method: Method): unknown {
  if (method === 'readBytes') return Buffer.from('\0garbage\xff\n', 'latin1');
  // A link holds no NUL.
  return method === 'readLink' ? 'garbage\uffff' : '\0garbage\uffff\n';
}

const mountTable = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

interface Outcome {
  readonly code: number;
  readonly errors: readonly string[];
}

/** Brings a node up and takes it back; @returns how it ended and every code that was told. */
async function bringUp(t: { teardown(work: () => unknown): void }, seen: (call: Call) => Fault | undefined, phases = PHASES): Promise<Outcome & { left: readonly string[] }> {
  const folder = temporaryFolder(t);
  const before = mountTable();
  let on = true;
  const ctx = context(folder, (call) => (on ? seen(call) : undefined));
  const code = await run(ctx, phases);
  on = false;
  const { build } = ctx.results;
  object ??= code === 0 && build !== undefined ? readFileSync(path.join(build.objects, 'kmesh.bpf.o')) : undefined;
  const halfDone = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.startsWith('state') && /partial/.test(file));
  // After an error the run has undone what it did; what stays on record is for cleanup.
  await releaseMounts(ctx);
  const left = [...halfDone, ...(mountTable() === before ? [] : ['mounts'])];
  return { code, left, errors: ctx.lines.flatMap((line) => (line['error'] as { code?: string } | undefined)?.code ?? []) };
}

const recorded: Call[] = [];
t.test('a start that goes well', async (t) => {
  t.match(await bringUp(t, (call) => void recorded.push(call)), { code: 0, errors: [], left: [] });
  recording = false;
  t.ok(recorded.length > 100, `${recorded.length} calls`);
});

const documented = new Set<number>(Object.values(EXIT_CODES));

t.test('each call fails in turn', async (t) => {
  const places = new Map(recorded.map((call) => [`${call.name} ${call.about}`, call]));
  const tally = new Map<string, number>();
  for (const [key, call] of places) {
    const faults = call.name === 'exec' ? TOOL_FAULTS : FAULTS.filter((fault) => (absent.has(key) ? fault === 'EIO' : fault === 'ENOSPC' ? WRITES.includes(call.name) : fault === 'garbage' ? READS.includes(call.name) : true));
    for (const fault of faults) {
      // Once: what vanishes between two calls; the second time it is there again.
      let met = false;
      const { code, errors, left } = await bringUp(t, ({ name, about }) => {
        if (met || `${name} ${about}` !== key) return undefined;
        met = true;
        return fault;
      });
      tally.set(errors[0] ?? 'came up', (tally.get(errors[0] ?? 'came up') ?? 0) + 1);
      const where = `${key}: ${fault} -> ${code} ${errors.join(' ')}`;
      if (!documented.has(code) && code !== 0) t.fail(`${where}: not a documented exit code`);
      if (code === 1 || errors.includes('KM_INTERNAL')) t.fail(`${where}: a bug of the agent`);
      if (code !== 0 && errors.length === 0) t.fail(`${where}: no code is told`);
      if (left.some((one) => one !== 'mounts') && !(call.name === 'removeTree' || call.name === 'makeFolders')) t.fail(`${where}: left ${left.join(', ')}`);
      if (left.includes('mounts')) t.fail(`${where}: left mounts`);
    }
  }
  t.comment([...tally].map(([name, count]) => `${name} ${count}`).join(', '));
  t.pass(`${places.size} calls`);
});
