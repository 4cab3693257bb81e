// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Test } from 'tap';
import { programOf } from '../../../../daemon/model/routing/program.js';
import { reduce } from '../../../../daemon/model/routing/regex/reduce.js';
import { random } from '../../diff/models.js';
import { walk } from './walk.js';

const YES = { kind: 'cluster', cluster: 'yes' } as const;

type Ask = (text: string) => boolean | 'unknown';

/** What the steps of an expression say about texts: of a path, where a character is a byte, or of a header. */
function asker(regex: string, ascii: boolean): Ask {
  const any = reduce(regex, ascii);
  if (!any) return () => 'unknown';
  const program = programOf([{ conditions: [{ kind: 'text', part: { op: 'header', name: 'x' }, missing: 'fails', any, invert: false }], outcome: { kind: 'target', target: YES } }]);
  return (text) => {
    const { answer } = walk(program, { headers: { x: text } });
    return answer === 'undecidable' ? 'unknown' : answer === YES;
  };
}

const ask = (regex: string, text: string, ascii: boolean): boolean | 'unknown' => asker(regex, ascii)(text);

const how = (regex: string, ascii = true): string => {
  const alternatives = reduce(regex, ascii);
  if (!alternatives) return 'not read';
  const shown = alternatives.map(({ checks, exact }) => {
    const parts = checks.map((check) => {
      if (check.op === 'length') return check.is === 'exactly' ? `=${check.bytes}` : `>=${check.bytes}`;
      if (check.op === 'contains') return `*${check.bytes.toString()}*`;
      return check.op === 'compare' ? `${check.bytes.toString()}@${check.fromEnd ? '-' : ''}${check.offset}${check.ignoreCase ? 'i' : ''}` : check.op;
    });
    return `${exact ? '' : '?'}${parts.join(' ')}`;
  });
  return shown.join(' | ');
};

t.test('expressions that are something simpler', (t) => {
  const cases: [regex: string, steps: string][] = [
    ['/exact\\.html', '/exact.html@0 =11'],
    ['/exact[.]html', '/exact.html@0 =11'],
    ['\\Q/a.b\\E', '/a.b@0 =4'],
    ['^/a$', '/a@0 =2'],
    ['\\A/a\\z', '/a@0 =2'],
    ['/\\x2fa\\x{2f}', '//a/@0 =4'],
    ['/files/.*', '/files/@0'],
    ['/files.*', '/files@0'],
    ['/files/.+', '/files/@0 >=8'],
    ['(?i)/Files/.*', '/files/@0i'],
    ['(?i:/Files)/.*', '/files@0i /@6'],
    ['.*\\.png', '.png@-4'],
    ['.*\\.(png|jpg)', '.@-4 png@-3 | .@-4 jpg@-3'],
    ['.*x.*', '*x*'],
    ['.*', ''],
    ['(.*)', ''],
    ['(.*)*', ''],
    ['.*?', ''],
    ['.+', '>=1'],
    ['/.*', '/@0'],
    ['/a/?', '/a@0 =2 | /a@0 /@2 =3'],
    ['/a(/.*)?', '/a@0 =2 | /a@0 /@2'],
    ['(a|b|c)', 'a@0 =1 | b@0 =1 | c@0 =1'],
    ['gold|silver', 'gold@0 =4 | silver@0 =6'],
    ['[ab]c', 'ac@0 =2 | bc@0 =2'],
    ['/v[0-2]/.*', '/v@0 0/@2 | /v@0 1/@2 | /v@0 2/@2'],
    ['/a.c', '/a@0 c@3 =4'],
    ['/a..c.*', '/a@0 c@4'],
    ['.*.example.com', 'example@-11 com@-3 >=12'],
    ['/a.*z', '/a@0 z@-1 >=3'],
    ['/api/.*v2.*', '/api/@0 >=7 *v2*'],
    ['a{3}', 'aaa@0 =3'],
    ['a{1,2}', 'a@0 =1 | aa@0 =2'],
    ['^(.*?;)?(user=jason)(;.*)?$', 'user=jason@0 =10 | user=jason@0 ;@10 | ;user=jason@-11 | *;user=jason;*'],
  ];
  for (const [regex, steps] of cases) t.equal(how(regex), steps, regex);
  t.end();
});

t.test('expressions that are not: steps for what has to be true, and then nobody knows', (t) => {
  const cases: [regex: string, steps: string][] = [
    ['/users/[^/]+', '?/users/@0 >=8'],
    ['/users/[^/]+/orders', '?/users/@0 /orders@-7 >=15'],
    ['/a/.*/b/.*', '?/a/@0 >=6 */b/*'],
    ['.*a.*b.*', '?>=2 *a* *b*'],
    ['.+x.*', '?>=2 *x*'],
    ['/[\\w-]+\\.html', '?/@0 .html@-5 >=7'],
    ['\\d{3}', Array.from('0123456789', (digit) => `?${digit}@0 =3`).join(' | ')],
    ['(ab)*', '?'],
    ['(ab)+', '?ab@0'],
    ['\\bfoo', '?foo@0 =3'],
    ['(?i)stra\u00dfe', '?stra@0i e@5i =6'],
    [`/${'(a|b)'.repeat(9)}`, null as never],
  ];
  for (const [regex, steps] of cases.slice(0, -1)) t.equal(how(regex), steps, regex);
  t.ok((reduce(cases.at(-1)![0], true) ?? []).length <= 64, 'not all of 512 ways are written out');
  t.equal(ask('/users/[^/]+', '/users/1', true), 'unknown');
  t.equal(ask('/users/[^/]+', '/user/1', true), false);
  t.end();
});

t.test('in a header a character may be several bytes', (t) => {
  t.equal(ask('a.c', 'abc', true), true);
  t.equal(ask('a.c', 'abc', false), 'unknown');
  t.equal(ask('a.c', 'a\u00e4c', false), 'unknown');
  t.equal(ask('a.+c', 'a\u00e4c', false), true);
  t.equal(ask('a.{2,}', 'a\u00e4', false), 'unknown');
  t.equal(ask('\u00e4.*', '\u00e4x', false), true);
  t.end();
});

t.test('what is no expression of RE2, or too much of one, is not read', (t) => {
  for (const regex of ['(', ')', '(a', '[a', '[', '*', 'a|*', '\\', '\\1', '(?=a)', '(?<!a)', '[z-a]', '[a-\\d]', 'a{2,1}', 'a{1001}', '\\x{110000}', '\\C', '('.repeat(200) + ')'.repeat(200), 'a'.repeat(3000)]) {
    t.equal(how(regex), 'not read', regex.slice(0, 20));
  }
  t.end();
});

t.test('hostile expressions cost little', (t) => {
  const started = performance.now();
  for (const regex of ['((((a{1000}){1000}){1000}){1000})', '(((.*^){1000}){1000}){1000}', '((a|b|c|d){4}){4}'.repeat(50), '(a?){1000}', `(${'a|'.repeat(900)}b)*`, '[\\x{0}-\\x{10ffff}]{1000}', '.{1000}'.repeat(100)]) {
    for (const { checks } of reduce(regex, true) ?? []) if (checks.length > 100) t.fail(`${checks.length} checks`, { regex });
  }
  const ms = performance.now() - started;
  t.comment(`${ms.toFixed(0)} ms`);
  t.ok(ms < 20_000, 'bounded, also on a busy machine');
  t.end();
});

/** Any expression over a small alphabet, in the syntax that RE2 and JavaScript share. */
function expression(below: (n: number) => number, depth: number): string {
  const atoms = ['a', 'b', 'c', '/', '\\.', '.', '[ab]', '[^/]', '[a-c/]', '.*', '.+', '^', '$', '\\d', 'ab', '/a'];
  const kind = depth === 0 ? 0 : below(7);
  const inner = () => expression(below, depth - 1);
  if (kind <= 1) return atoms[below(atoms.length)]!;
  if (kind <= 3) return `${inner()}${inner()}`;
  if (kind === 4) return `(${inner()}|${inner()})`;
  return `(?:${inner()})${['*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?'][below(8)]!}`;
}

/** Holds the answers about random texts to those of a real engine. */
function compare(t: Test, seed: number, runs: { readonly expressions: number; readonly texts: number; readonly alphabet: readonly string[]; readonly ascii: boolean }): void {
  const below = random(seed);
  const counts = { yes: 0, no: 0, unknown: 0 };
  for (let i = 0; i < runs.expressions; i += 1) {
    const regex = expression(below, 4);
    const engine = new RegExp(`^(?:${regex})$`, 'su');
    const asked = asker(regex, runs.ascii);
    for (let j = 0; j < runs.texts; j += 1) {
      const text = Array.from({ length: below(9) }, () => runs.alphabet[below(runs.alphabet.length)]!).join('');
      const answer = asked(text);
      if (answer !== 'unknown' && answer !== engine.test(text)) t.fail('another answer', { regex, text, answer, steps: how(regex, runs.ascii) });
      counts[answer === 'unknown' ? 'unknown' : answer ? 'yes' : 'no'] += 1;
    }
  }
  t.comment(JSON.stringify(counts));
  t.ok(counts.yes > 1000 && counts.no > 1000 && counts.unknown > 0, 'all are met');
}

t.test('where there is an answer, it is that of a real engine', (t) => {
  compare(t, 4, { expressions: 3000, texts: 30, alphabet: [...'abc/.1'], ascii: true });
  t.end();
});

t.test('the same in headers, with characters of several bytes', (t) => {
  compare(t, 5, { expressions: 1500, texts: 30, alphabet: ['a', 'b', '/', '\u00e4', '\u20ac', '\u{1f600}'], ascii: false });
  t.end();
});
