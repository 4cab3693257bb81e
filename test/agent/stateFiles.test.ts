// SPDX-License-Identifier: Apache-2.0
// Records of the state folder that a power loss, a disk, a hand or another version has changed.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import * as z from 'zod';
import { claimNode } from '../../agent/supervisor/exclusive.js';
import { readOwnership, writeOwnership } from '../../agent/mounts/ownership.js';
import { makeStateFolder, readState, sealed, writeState } from '../../agent/stateFiles.js';
import { temporaryFolder, testContext } from '../helpers/agentContext.js';

const schema = z.object({ name: z.string(), count: z.number() });
const VALUE = { name: 'pin', count: 7 };

t.test('a record is read as it was written, and any damage is seen', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const file = path.join(ctx.options.stateDir, 'record.json');
  await writeState(ctx, 'record.json', VALUE);
  t.same(await readState(ctx, 'record.json', schema), VALUE);
  const whole = readFileSync(file);
  const damaged: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 1) {
    damaged.push(whole.subarray(0, at));
    for (const bit of [0x01, 0x10, 0x80]) damaged.push(Buffer.from(whole).fill(whole[at]! ^ bit, at, at + 1));
  }
  const outcomes = new Set<string>();
  for (const bytes of damaged) {
    writeFileSync(file, bytes);
    const outcome = await readState(ctx, 'record.json', schema).catch((error: { code: string }) => error.code);
    outcomes.add(typeof outcome === 'object' ? JSON.stringify(outcome) : String(outcome));
  }
  // White space means nothing; a digit of the version is another version.
  t.same([...outcomes].sort(), ['KM_STATE_VERSION', 'undefined', JSON.stringify(VALUE)].sort());
  t.ok(damaged.length > 300);
  t.match(ctx.lines.find((line) => /is not as the agent wrote it; it is ignored/.test(line.msg)), { level: 40 });
});

t.test('a record that cannot be read now is not taken for a damaged one', async (t) => {
  const folder = temporaryFolder(t);
  await writeState(testContext(folder), 'record.json', VALUE);
  for (const code of ['EACCES', 'EIO', 'ENFILE', 'EMFILE', 'ENOMEM', 'ESTALE']) {
    const ctx = testContext(folder, { sys: { readText: () => Promise.reject(Object.assign(new Error(code), { code })) } });
    await t.rejects(readState(ctx, 'record.json', schema), { code: 'KM_STATE_DIR' }, code);
  }
});

t.test('damage is never read as another value', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  await makeStateFolder(ctx);
  const text = sealed(VALUE);
  for (const [name, changed] of [['a value', text.replace('7', '8')], ['a key', text.replace('"count"', '"county"')], ['a digest', text.replace(/[0-9a-f]{64}/, '0'.repeat(64))], ['no envelope', JSON.stringify(VALUE)], ['null', 'null'], ['nothing', '']] as const) {
    writeFileSync(path.join(ctx.options.stateDir, 'record.json'), changed);
    t.equal(await readState(ctx, 'record.json', schema), undefined, name);
  }
});

t.test('a record of a newer agent is refused, and stays', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  await makeStateFolder(ctx);
  const newer = sealed({ bootId: 'b', mounts: [], folders: ['/mnt/kmesh'] }).replace('"version": 1', '"version": 2');
  for (const [name, use] of [['owned.json', () => readOwnership(ctx)], ['processes.json', () => claimNode(ctx)]] as const) {
    const file = path.join(ctx.options.stateDir, name);
    writeFileSync(file, newer);
    await t.rejects(use() as Promise<unknown>, { code: 'KM_STATE_VERSION', exitCode: 18, detail: new RegExp(`${name} is of version 2, this agent knows version 1`), remedy: /version/ }, name);
    t.equal(readFileSync(file, 'utf8'), newer);
  }
});

t.test('what is on record outlives the process', async (t) => {
  const folder = temporaryFolder(t);
  const owned = { bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), mounts: [], folders: ['/mnt/kmesh'] };
  await writeOwnership(testContext(folder), owned);
  t.same(await readOwnership(testContext(folder)), owned);
});
