// SPDX-License-Identifier: Apache-2.0
// The bundled agent as users start it, with a small program in the place of kmesh-daemon.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { OWN_GID } from '../../agent/identity.js';
import { BUNDLE_VERSION, bundleAgent } from '../helpers/agentBundle.js';
import { projectRoot, temporaryFolder } from '../helpers/agentContext.js';
import { installFakeDaemon, readDiary } from '../helpers/fakeDaemon.js';
import { mountTable } from '../helpers/mountTable.js';
import { enterSandbox } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const NOBODY = 65534;
const root = temporaryFolder(t);
chmodSync(root, 0o755);
installFakeDaemon(root, {});
cpSync(path.join(projectRoot, 'bpf'), path.join(root, 'bpf'), { recursive: true });
const agent = await bundleAgent(root);

function start(args: readonly string[], uid?: number, more: Readonly<Record<string, string>> = {}): ChildProcess {
  // Without tap's loader, which is for the sources.
  const env = { ...process.env, NODE_OPTIONS: '', ...more };
  return spawn(process.execPath, [agent, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], ...(uid === undefined ? {} : { uid, gid: uid }) });
}

/** A JSON web token. */
const SECRET = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from('{"sub":"planted"}').toString('base64url')}.c2lnbmF0dXJl`;

/** Files and folders, the first one included, that others than their owner may use. */
function openBelow(folder: string): string[] {
  const all = [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name))];
  return all.filter((one) => (lstatSync(one).mode & 0o077) !== 0);
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function outcome(child: ChildProcess): Promise<Outcome> {
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  return { code: await exit, stdout, stderr };
}

t.test('what works for every user and changes nothing', async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o777);
  const before = mountTable();
  const places = ['--state-dir', path.join(folder, 'state'), '--cgroup2-path', path.join(folder, 'cgroup2'), '--bpf-fs-path', path.join(folder, 'bpf')];
  const plan = await outcome(start(['plan', '-mode=ads', ...places], NOBODY));
  t.equal(plan.code, 0, plan.stderr);
  t.match(plan.stdout, /^9\/9 supervise-daemon: [^]*would run: /m);
  t.match(plan.stdout, /would run: make --no-print-directory -C /);
  const inspect = await outcome(start(['inspect', '--json'], NOBODY));
  t.equal(inspect.code, 0, inspect.stderr);
  t.same(Object.keys(JSON.parse(inspect.stdout) as object), ['kernel', 'helpers', 'macros', 'capabilities']);
  const doctor = await outcome(start(['doctor', '--json', ...places], NOBODY));
  t.equal(doctor.code, 20, doctor.stderr);
  const { checks } = JSON.parse(doctor.stdout) as { checks: { name: string; status: string; evidence: string }[] };
  t.match(checks.filter(({ status }) => status === 'error').map(({ evidence }) => evidence.split(':')[0]), ['KM_PRIVILEGES'], 'all else can be looked at, or is said not to be');
  t.ok(checks.some(({ name, evidence }) => name === 'control plane address' && evidence === 'fake'));
  t.match(await outcome(start(['doctor', ...places])), { code: 0, stdout: /^the agent can start.*: 0 errors.*CAPABILITY/s });
  t.match(await outcome(start(['--help'], NOBODY)), { code: 0, stdout: /Phases of run/ });
  t.match(await outcome(start(['--version'], NOBODY)), { code: 0, stdout: `${BUNDLE_VERSION}\n` });
  t.same(readdirSync(folder), []);
  t.equal(mountTable(), before);
});

t.test('what cannot go on says so at once', async (t) => {
  t.match(await outcome(start([], NOBODY)), { code: 16, stderr: /^KM_PRIVILEGES: .*user id 65534/ });
  t.match(await outcome(start(['cleanup'], NOBODY)), { code: 16, stderr: /KM_PRIVILEGES/ });
  t.match(await outcome(start(['paln'])), { code: 2, stderr: /KM_USAGE: unknown command "paln", did you mean "plan"\?[^]*remedy: / });
  t.match(await outcome(start(['--mode=workload'])), { code: 2, stderr: /KM_MODE_NOT_BUILT/ });
});

t.test('an error before the first phase is a line of the log, in its format', async (t) => {
  // /proc takes no folders: the state folder cannot be made.
  const { code, stdout, stderr } = await outcome(start(['--state-dir', '/proc/kmesh', '--log-format=json']));
  t.equal(code, 18);
  t.match(stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown).at(-1), { level: 50, error: { code: 'KM_STATE_DIR', exitCode: 18 } });
  t.equal(stderr, '');
});

const fixtures = path.join(projectRoot, '../shared/fixtures/bpf-h');

t.test('inspect decides by the inputs that it is given', { skip: existsSync(fixtures) ? false : 'no shared fixtures here' }, async (t) => {
  const enhanced = await outcome(start(['inspect', '--json', '--bpf-header', path.join(fixtures, 'oe-5.10-kmesh-patches-HEAD.h'), '--kernel-release', '5.10.0-60.oe'], NOBODY));
  t.match(JSON.parse(enhanced.stdout), { kernel: { release: '5.10.0-60.oe', helperSource: 'header' }, macros: { ENHANCED_KERNEL: 1 } });
  t.match(await outcome(start(['inspect', '--json', '--bpf-header', '/nowhere.h'], NOBODY)), { code: 10, stderr: /KM_INPUT_FILE: .*nowhere/ });
  t.match(await outcome(start(['inspect', '--kernel-release', 'x; rm -rf /'], NOBODY)), { code: 10, stderr: /KM_RELEASE/ });
  t.match(await outcome(start(['inspect', '--bpf-header', '/dev/null'], NOBODY)), { code: 11, stderr: /KM_HELPERS_EMPTY/ });
});

t.test('comes up, holds, and on SIGTERM leaves nothing but the build cache', async (t) => {
  const folder = temporaryFolder(t);
  const state = path.join(folder, 'state');
  const before = mountTable();
  const umask = process.umask(0);
  const agent = start(['--mode=ads', '--log-level=trace', '--xds-token', SECRET, `--note=Bearer ${SECRET}`, '--state-dir', state, '--cgroup2-path', path.join(folder, 'a/cgroup2'), '--bpf-fs-path', path.join(folder, 'bpf'), '--admin-port', '15299', '--status-port', '0', '--metrics-port', '0', '--log-format=json'], undefined, { ISTIO_TOKEN: SECRET });
  process.umask(umask);
  const lines: Record<string, unknown>[] = [];
  let up: () => void = () => {};
  const ready = new Promise<void>((resolve) => (up = resolve));
  let rest = '';
  agent.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line) as Record<string, unknown>));
    if (lines.some((line) => String(line['msg']).startsWith('ready'))) up();
  });
  const exit = new Promise<number | null>((resolve) => agent.once('exit', resolve));
  await Promise.race([ready, exit.then((code) => Promise.reject(new Error(`exit ${code}: ${JSON.stringify(lines.at(-1))}`)))]);

  const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8');
  t.match(status, new RegExp(`^Gid:\\t${OWN_GID}\\t0\\t0\\t0$`, 'm'), 'only the real group id is ours');
  const phases = lines.filter((line) => line['outcome'] !== undefined);
  t.match(phases.map((line) => line['outcome']), ['done', 'done', 'done', 'done', 'skipped', 'skipped', 'done', 'skipped', 'done']);
  t.match(phases.at(6)?.['msg'], /^phase mount-filesystems \(7\/9\): done, \d+ ms$/);
  t.ok(existsSync(path.join(folder, 'a/cgroup2/cgroup.procs')));

  const daemon = readFileSync(`/proc/${readDiary(root)[0]?.[0]}/status`, 'utf8');
  t.match(daemon, /^NoNewPrivs:\t1$/m, 'the daemon can get no other rights');
  const bounds = BigInt(`0x${/^CapBnd:\t([0-9a-f]+)$/m.exec(daemon)?.[1]}`);
  t.same([1n, 16n, 19n, 21n, 39n].map((bit) => (bounds >> bit) & 1n), [0n, 0n, 0n, 0n, 1n], 'than BPF: no DAC_OVERRIDE, SYS_MODULE, SYS_PTRACE, SYS_ADMIN');
  t.same(openBelow(state), [], 'whatever the umask, nothing in the state folder is for others');

  agent.kill('SIGURG');
  agent.kill('SIGTERM');
  t.equal(await exit, 0);
  t.match(lines.find(({ msg }) => String(msg).startsWith('SIGURG')), { level: 20 }, 'what a runtime sends all the time is not worth a line');
  t.notMatch(JSON.stringify(lines), SECRET, 'secrets in options and environment are not logged');
  t.same(readDiary(root).map(([, event]) => event), ['start', 'SIGTERM']);
  t.equal(mountTable(), before);
  t.same(readdirSync(folder), ['state']);
  t.same(readdirSync(state), ['agent.lock', 'build']);
  t.match(await outcome(start(['cleanup', '--state-dir', state, '--bpf-fs-path', path.join(folder, 'bpf')])), { code: 0 });
  t.same(readdirSync(folder), []);
});
