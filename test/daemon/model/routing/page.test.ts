// SPDX-License-Identifier: Apache-2.0
// Holds docs/routing.md to the code: the expressions that it shows, and the names under which things are listed.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { reduce } from '../../../../daemon/model/routing/regex/reduce.js';

const page = readFileSync('docs/routing.md', 'utf8');
const section = (title: string): string => new RegExp(`^## ${title}\\n([^]*?)(?=^## |$(?![^]))`, 'm').exec(page)![1]!;
const codes = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll('\\|', '|'));
const cells = (text: string): string[][] => text.split('\n').filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(/ \| /));

t.test('expressions that the page calls simple are decided, and the others are not', (t) => {
  const text = section('Regular expressions');
  const simple = cells(text).flatMap(([expression = '']) => codes(expression));
  t.ok(simple.length >= 18);
  for (const regex of simple) t.ok(reduce(regex, true)?.every(({ exact }) => exact), regex);
  const others = codes(/^All others.*$/m.exec(text)![0]);
  t.equal(others.length, 2);
  for (const regex of others) t.notOk(reduce(regex, true)?.every(({ exact }) => exact), regex);
  t.end();
});

t.test('what routes list is on the page, and what is on the page is listed', (t) => {
  const files = ['daemon/model', 'daemon/model/routing'].flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name))).filter((file) => file.endsWith('.ts'));
  const featuresOf = (file: string): string[] => [...readFileSync(file, 'utf8').matchAll(/findings\.(?:once|add)\('(\w+)'|list\([^']*?, '(\w+)'/g)].map(([, a, b]) => (a ?? b)!);
  const all = new Set(files.flatMap(featuresOf));
  const named = cells(section('What is not done, and what happens instead')).flatMap((row) => codes(row.at(-1)!));
  t.ok(named.length > 20);
  // The name of a filter that has none of its own is made in another way.
  for (const name of named.filter((name) => name !== 'http_filter')) t.ok(all.has(name), `${name} is listed by the code`);
  for (const name of new Set(files.filter((file) => file.includes('/routing/')).flatMap(featuresOf))) t.ok(page.includes(`\`${name}\``), `${name} is on the page`);
  t.end();
});
