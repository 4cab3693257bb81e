// SPDX-License-Identifier: Apache-2.0
// The parts of agent/sys.ts that no phase's test meets with the real world behind them.
import { accessSync, constants, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { kernelMessage } from '../../agent/probe/kernelLog.js';
import { sys } from '../../agent/sys.js';
import { temporaryFolder } from '../helpers/agentContext.js';

const LOG = '/dev/kmsg';

function writable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

t.test('the kernel log from now on', { skip: writable(LOG) || process.env['CI'] === 'true' ? false : `${LOG} cannot be written here` }, async (t) => {
  writeFileSync(LOG, 'kmesh test: before\n');
  const log = sys.followKernelLog();
  t.teardown(() => log?.close());
  const mine = (): string[] => (log?.read() ?? []).map(kernelMessage).filter((message) => message.startsWith('kmesh test: '));
  t.same(mine(), [], 'nothing of before');
  for (const word of ['one', 'two']) writeFileSync(LOG, `kmesh test: ${word}\n`);
  t.same(mine(), ['kmesh test: one', 'kmesh test: two']);
  t.same(mine(), [], 'each record once');
});

t.test('a file of /sys is written where it is, and never made', async (t) => {
  const file = path.join(temporaryFolder(t), 'accepting');
  await t.rejects(sys.writeExisting(file, '1'), { code: 'ENOENT' });
  t.notOk(existsSync(file));
  writeFileSync(file, 'Y');
  await sys.writeExisting(file, '0');
  t.equal(readFileSync(file, 'utf8'), '0');
});

t.test('folders that several make at once: all have them, and each says only what it made itself', async (t) => {
  const folder = temporaryFolder(t);
  const [a, b] = [path.join(folder, 'a'), path.join(folder, 'a/b')];
  const made = await Promise.all(Array.from({ length: 20 }, () => sys.makeFolders(b)));
  t.same(made.flat().sort(), [a, b]);
});

t.test('a dangling link in the place of a folder is an error', async (t) => {
  const folder = temporaryFolder(t);
  symlinkSync('/nowhere', path.join(folder, 'link'));
  await t.rejects(sys.makeFolders(path.join(folder, 'link')), { code: 'EEXIST' });
});
