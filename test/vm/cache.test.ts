// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';

const folder = t.testdir();
process.env['KMESH_VM_CACHE'] = folder;
const { keyOf, prepared } = await import('./cache.js');

const fill = (text: string) => (place: string) => fs.writeFileSync(path.join(place, 'file'), text);
const read = (name: string): string => fs.readFileSync(path.join(folder, name, 'file'), 'utf8');

t.test('what is there is not made again', async (t) => {
  t.equal(prepared('a/one', fill('first')), path.join(folder, 'a/one'));
  prepared('a/one', fill('second'));
  t.equal(read('a/one'), 'first');
});

t.test('a torn result is none', async (t) => {
  const tear = (place: string): void => {
    fill('half')(place);
    throw new Error('torn');
  };
  t.throws(() => prepared('a/two', tear), { message: 'torn' });
  t.same(fs.readdirSync(path.join(folder, 'a')), ['one'], 'nothing of it stays');
  prepared('a/two', fill('whole'));
  t.equal(read('a/two'), 'whole');
});

t.test('what a killed process left goes', async (t) => {
  // No process can have this pid: it is above the kernel's own limit.
  fs.mkdirSync(path.join(folder, 'a/three.partial-99999999'));
  prepared('a/three', fill('whole'));
  t.same(fs.readdirSync(path.join(folder, 'a')), ['one', 'three', 'two']);
});

t.test('another recipe has another key', async (t) => {
  t.equal(keyOf(['a', 1]), keyOf(['a', 1]));
  t.not(keyOf(['a', 1]), keyOf(['a', 2]));
});
