// SPDX-License-Identifier: Apache-2.0
/** Runs in the guest, started by init: the scenarios of /kmesh/plan.json one after the other, reported over the virtio port. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import type { GuestEvent } from './events.js';
import type { Plan } from './plan.js';
import type { Checks, Context, Scenario } from './scenario.js';

const INPUTS = '/kmesh';
const PORT_NAME = 'kmesh.results';
const execFileAsync = promisify(execFile);

function openPort(): number {
  const ports = '/sys/class/virtio-ports';
  const port = fs.readdirSync(ports).find((name) => fs.readFileSync(path.join(ports, name, 'name'), 'utf8').trim() === PORT_NAME);
  if (port === undefined) throw new Error(`no virtio port is named ${PORT_NAME}`);
  return fs.openSync(`/dev/${port}`, 'w');
}

const port = openPort();
const report = (event: GuestEvent): void => void fs.writeSync(port, `${JSON.stringify(event)}\n`);

function checksOf(scenario: string): Checks {
  const check = (ok: boolean, name: string, detail?: unknown): void =>
    report({ event: 'check', scenario, name, ok, ...(ok || detail === undefined ? {} : { detail: typeof detail === 'string' ? detail : JSON.stringify(detail, undefined, 2) }) });
  return {
    ok: (value, name, detail) => check(Boolean(value), name, detail),
    equal: (found, wanted, name) => check(isDeepStrictEqual(found, wanted), name, { found, wanted }),
    match: (found, pattern, name) => check(pattern.test(found), name, { found, pattern: String(pattern) }),
    note: (text) => report({ event: 'note', text }),
    cutPower: () => {
      report({ event: 'cut' });
      return new Promise(() => {});
    },
  };
}

async function sh(command: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await execFileAsync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    const { code, signal, stdout = '', stderr = '' } = error as { code?: number; signal?: string; stdout?: string; stderr?: string };
    throw new Error(`${[command, ...args].join(' ')} ended with ${signal ?? code}: ${`${stdout}${stderr}`.trim().slice(-4000)}`);
  }
}

async function runOne(file: string, plan: Plan): Promise<void> {
  const scenario = (await import(file)) as Scenario;
  report({ event: 'scenario', name: scenario.name });
  const t = checksOf(scenario.name);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${scenario.name}-`));
  const context: Context = { kernel: plan.kernel, release: os.release(), slowness: plan.slowness, boot: plan.boot, project: path.join(INPUTS, 'project'), modules: plan.modules, folder, sh };
  const limit = (scenario.limitSeconds ?? plan.defaultLimitSeconds) * plan.slowness;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`not done within ${limit} s`)), limit * 1000)));
  try {
    await Promise.race([scenario.run(t, context), late]);
  } catch (error) {
    t.ok(false, 'runs to its end', `${(error as Error).stack ?? String(error)}\n${logsOf(folder)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** The last lines of what a scenario's programs wrote to files named *.log in its folder. */
function logsOf(folder: string): string {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.log'));
  return names.map((name) => `${name}:\n${fs.readFileSync(path.join(folder, name), 'utf8').trimEnd().split('\n').slice(-30).join('\n')}`).join('\n');
}

/** Leaks are looked for only when asked, and an object counts as lost from the second look on. */
function reportLeaks(): void {
  const file = '/sys/kernel/debug/kmemleak';
  if (!fs.existsSync(file)) return;
  for (let look = 0; look < 2; look += 1) fs.writeFileSync(file, 'scan');
  process.stderr.write(fs.readFileSync(file, 'utf8'));
}

const plan = JSON.parse(fs.readFileSync(path.join(INPUTS, 'plan.json'), 'utf8')) as Plan;
report({ event: 'up', release: os.release() });
await sh('ip', 'link', 'set', 'lo', 'up');
for (const name of plan.scenarios) await runOne(path.join(INPUTS, 'guest/scenarios', `${name}.mjs`), plan);
reportLeaks();
report({ event: 'end' });
process.exit();
