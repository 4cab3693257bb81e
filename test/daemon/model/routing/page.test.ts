// SPDX-License-Identifier: Apache-2.0
// Holds docs/routing.md to the code: the expressions that it shows, and the names under which things are listed.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { MOST_CELLS, MOST_STATES } from '../../../../daemon/model/routing/regex/automaton.js';
import { newBudget } from '../../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../../daemon/model/routing/regex/compile.js';
import { reduce } from '../../../../daemon/model/routing/regex/reduce.js';

const page = readFileSync('docs/routing.md', 'utf8');
const section = (title: string): string => new RegExp(`^## ${title}\\n([^]*?)(?=^## |$(?![^]))`, 'm').exec(page)![1]!;
const codes = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!.replaceAll('\\|', '|'));
const cells = (text: string): string[][] => text.split('\n').filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(/ \| /));

/** The tables of the section, each from its head to its end. */
const tablesOf = (text: string): string[] => text.split(/^\|---.*$/m).slice(1).map((rest) => /^\n((?:\|.*\n)*)/.exec(rest)![1]!);
const expressionsOf = (table: string): string[] => cells(table).flatMap(([expression = '']) => codes(expression));

t.test('what the page says of expressions', (t) => {
  const [simple = '', automata = '', others = ''] = tablesOf(section('Regular expressions'));
  const isSimple = (regex: string): boolean => reduce(regex, true)?.every(({ exact }) => exact) ?? false;
  t.ok(expressionsOf(simple).length >= 18);
  for (const regex of expressionsOf(simple)) t.ok(isSimple(regex), `compared: ${regex}`);
  t.ok(expressionsOf(automata).length >= 9);
  for (const regex of expressionsOf(automata)) t.ok(!isSimple(regex) && compileRegex(regex, true, newBudget()).automaton && compileRegex(regex, false, newBudget()).automaton, `an automaton: ${regex}`);
  t.match(compileRegex(expressionsOf(automata).at(-1)!, true, newBudget()).automaton, { states: Number(/(\d+) states/.exec(automata)![1]) });
  t.ok(expressionsOf(others).length >= 6);
  for (const regex of expressionsOf(others)) t.ok(!isSimple(regex) && !compileRegex(regex, false, newBudget()).automaton, `not decided: ${regex}`);
  for (const number of [MOST_STATES, MOST_CELLS]) t.ok(others.includes(`${number}`));
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
