// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { maglevSize, maglevTable } from '../../../daemon/diff/maglev.js';

const keys = (n: number): string[] => Array.from({ length: n }, (_, i) => `10.0.0.${i + 1} 80`);
const count = (table: Int32Array): Map<number, number> => table.reduce((counts, item) => counts.set(item, (counts.get(item) ?? 0) + 1), new Map<number, number>());

t.test('each item has its part of the table, by weight', async (t) => {
  const even = count(maglevTable(keys(10), Array.from({ length: 10 }, () => 1)));
  t.equal(even.size, 10);
  for (const entries of even.values()) t.ok(Math.abs(entries - maglevSize(10) / 10) <= 1, `${entries} of ${maglevSize(10)}`);
  const weighted = count(maglevTable(keys(3), [70, 20, 10]));
  for (const [i, part] of [0.7, 0.2, 0.1].entries()) t.ok(Math.abs(weighted.get(i)! / maglevSize(3) - part) < 0.01, `${weighted.get(i)} of ${maglevSize(3)}`);
  t.same(maglevTable([], []), new Int32Array());
});

t.test('the order of items does not matter', async (t) => {
  const names = keys(20);
  const table = [...maglevTable(names, names.map(() => 1))].map((item) => names[item]);
  const reversed = names.toReversed();
  t.same([...maglevTable(reversed, reversed.map(() => 1))].map((item) => reversed[item]), table);
});

t.test('an item that goes leaves most entries of the others as they are', async (t) => {
  const names = keys(40);
  const before = maglevTable(names, names.map(() => 1));
  const without = names.slice(0, -1);
  const after = maglevTable(without, without.map(() => 1));
  t.equal(after.length, before.length);
  const moved = before.reduce((sum, item, i) => sum + Number(item !== names.length - 1 && after[i] !== item), 0);
  t.ok(moved / before.length < 0.1, `${moved} of ${before.length} entries moved`);
});

t.test('150,000 items, of which one weighs a million times as much as the others', async (t) => {
  const names = Array.from({ length: 150_000 }, (_, i) => `${i} 80`);
  const table = maglevTable(names, names.map((_, i) => (i === 0 ? 1e6 : 1)));
  t.equal(count(table).get(0), table.length - (count(table).size - 1), 'the others have an entry at most');
  t.notOk(table.includes(-1));
});
