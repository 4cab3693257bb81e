// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { automatonKey, MOST_CELLS, MOST_STATES } from '../../../../daemon/model/routing/regex/automaton.js';
import type { Automaton } from '../../../../daemon/model/routing/regex/automaton.js';
import { newBudget } from '../../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../../daemon/model/routing/regex/compile.js';
import { re2 } from '../../../helpers/re2.js';
import { accepts } from './walk.js';

const automatonOf = (regex: string, ascii = true): Automaton => {
  const { automaton } = compileRegex(regex, ascii, newBudget());
  if (!automaton) throw new Error(`no automaton: ${regex}`);
  return automaton;
};
const size = (regex: string, ascii = true): string => {
  const compiled = compileRegex(regex, ascii, newBudget());
  return compiled.automaton ? `${compiled.automaton.states}x${compiled.automaton.width}` : compiled.refused;
};

/** Those that people write: paths and values that match, and that do not. */
const WRITTEN: readonly (readonly [regex: string, yes: readonly string[], no: readonly string[]])[] = [
  ['/users/[^/]+', ['/users/1', '/users/a.b'], ['/users/', '/users/1/', '/user/1']],
  ['/v[0-9]+/items/.*', ['/v1/items/', '/v12/items/x/y'], ['/v/items/', '/v1/item']],
  ['^/api/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$', ['/api/01234567-89ab-cdef-0123-456789abcdef'], ['/api/01234567-89ab-cdef-0123-456789abcdeg', '/api/01234567-89ab-cdef-0123-456789abcdef0']],
  ['(?i)/Api/(v1|v2)/\\w+', ['/api/V1/x_1', '/API/v2/Y'], ['/api/v3/x', '/api/v1/']],
  ['.*\\bMSIE\\b.*', ['Mozilla (MSIE 9)', 'MSIE'], ['MSIEx', 'xMSIE']],
  ['.*\\Bx', ['ax', '_x'], ['x', 'a x']],
  ['(?:a|b)*?c??', ['', 'abc', 'ab'], ['cc', 'ca']],
  ['a(?i:b)c', ['abc', 'aBc'], ['Abc', 'abC']],
  ['a(?i)b|c', ['ab', 'aB', 'c', 'C'], ['Ab']],
  ['(?s-i:a.)(?m:^b$)', [], ['a\nb ', 'ab']],
  ['(?s)a.(?m)^b$', ['a\nb'], ['axb']],
  ['a^b', [], ['ab', 'a^b']],
  ['[[:alpha:]][[:^digit:]]', ['a-', 'Zz'], ['1a', 'a1']],
  ['[]a-][^]a-]', [']b', '-b', 'a+'], ['b]', 'a-']],
  ['[\\w-a]+', ['a-Z_0'], ['a.b']],
  ['\\Q[a]*\\E+', ['[a]*', '[a]***'], ['a', '[a]']],
  ['a{,2}', ['a{,2}'], ['a', 'aa']],
  ['\\pL\\PL', ['a1', 'Z_'], ['11', 'aa']],
];

t.test('expressions that people write, as RE2 answers', (t) => {
  for (const [regex, yes, no] of WRITTEN) {
    const engine = re2(regex)!;
    for (const [text, answer] of [...yes.map((text) => [text, true] as const), ...no.map((text) => [text, false] as const)]) {
      t.equal(engine.matches(Buffer.from(text)), answer, `RE2: ${regex} ${JSON.stringify(text)}`);
      t.equal(accepts(automatonOf(regex), Buffer.from(text)), answer, `${regex} ${JSON.stringify(text)}`);
    }
  }
  t.end();
});

t.test('in a header a character is its bytes in UTF-8', (t) => {
  const is = (regex: string, bytes: string): boolean => accepts(automatonOf(regex, false), Buffer.from(bytes, 'latin1'));
  t.ok(is('gr.n', 'gr\xc3\xbcn'));
  t.notOk(is('gr.n', 'gr\xfcn'), 'a byte that is no character');
  t.ok(is('[\u00e4-\u20ac]', '\xe2\x82\xac'));
  t.notOk(is('[\u00e4-\u20ac]', '\xe2\x82\xad'));
  t.ok(is('(?i)k', '\xe2\x84\xaa'), 'the sign of Kelvin is a k');
  t.end();
});

t.test('the smallest automaton: expressions of the same texts have the same one', (t) => {
  const same = [['a|b', '[ab]', '(?:b|a|b)', '[^\\x00-\\x60c-\\x{10ffff}]'], ['(a*)*', 'a*', '(?:aa)*a?', '(|a|aa)*'], ['a^b', '[^\\x00-\\x{10ffff}]', '\\bx\\b\\Bx']];
  for (const [first = '', ...others] of same) for (const other of others) t.equal(automatonKey(automatonOf(other)), automatonKey(automatonOf(first)), `${first} and ${other}`);
  t.notSame(automatonKey(automatonOf('a+')), automatonKey(automatonOf('a*')));
  t.equal(size('/users/[^/]+'), '10x7');
  t.equal(size('/users/[^/]+', false), '13x11');
  t.equal(size('.*'), '2x2', 'a state for bytes that paths do not have');
  t.end();
});

t.test('up to the bounds, and not beyond them', (t) => {
  t.equal(size(`a{${MOST_STATES - 2}}`), `${MOST_STATES}x2`);
  t.equal(size(`a{${MOST_STATES - 1}}`), `it is too large: ${MOST_STATES + 1} states, where ${MOST_STATES} are possible`);
  const many = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  t.match(size(many.repeat(2)), /too large: 126 states for 63 classes of bytes, where 7680 in all are possible/);
  t.ok(126 * 63 > MOST_CELLS && 126 < MOST_STATES);
  t.end();
});

t.test('what is not read, or not known exactly, is refused with its reason', (t) => {
  const cases: [regex: string, ascii: boolean, reason: RegExp][] = [
    ['(a', true, /bracket that nothing closes/],
    ['a)', true, /bracket that nothing opens/],
    ['*', true, /repetition of nothing/],
    ['{2}', true, /repetition of nothing/],
    ['a**', true, /repetition of a repetition/],
    ['a{2}{3}', true, /repetition of a repetition/],
    ['a{2,1}', true, /is no repetition/],
    ['(?=a)', true, /group of a kind/],
    ['[z-a]', true, /ends before it begins/],
    ['[[:x:]]', true, /is no class/],
    ['\\1', true, /escape \\1 is not read/],
    ['\\C', true, /escape \\C is not read/],
    ['\\p{Nothing}', true, /no class of Unicode/],
    ['a'.repeat(3000), true, /more than 2048 characters/],
    ['(?i)stra\u00dfe', false, /in paths and parameters only/],
    ['\\pL+', false, /in paths and parameters only/],
  ];
  for (const [regex, ascii, reason] of cases) t.match(size(regex, ascii), reason, regex.slice(0, 20));
  t.equal(size('(?i)stra\u00dfe'), '1x1', 'no path has a letter of the kind');
  t.end();
});

/** Each would take hours, or all of the memory. */
const HOSTILE = ['(a|b)*a(a|b){20}', '((((a{1000}){1000}){1000}){1000})', '(((.*^){1000}){1000}){1000}', '(((){1000}){1000}){1000}', '(a?){1000}', '[\\x{0}-\\x{10ffff}]{1000}', '.{1000}'.repeat(100), '(.*(a|b|c).{9})*', `(${'a|'.repeat(900)}b)*x{500}`];

t.test('hostile expressions are refused early', (t) => {
  const started = process.cpuUsage();
  for (const regex of HOSTILE) for (const ascii of [true, false]) t.match(size(regex, ascii), /^it (is too large|takes too long)/, regex.slice(0, 40));
  const { user } = process.cpuUsage(started);
  t.comment(`${(user / 1000).toFixed(0)} ms of CPU`);
  t.ok(user < 10e6, 'ten seconds of CPU, where it takes less than one');
  t.end();
});
