// SPDX-License-Identifier: Apache-2.0
// docs/errors.md repeats the error tables of agent and daemon: no code may lack, linger or differ there.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { ERRORS, EXIT_CODES, KmeshError, NEUTRAL_HINTS } from '../agent/errors.js';
import { DAEMON_ERRORS } from '../daemon/errors.js';
import { DATAPLANE_ERRORS } from '../daemon/maps/errors.js';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');

/** Cells of the table under a heading, without its two head lines. */
function table(heading: string): string[][] {
  const section = page.split('\n## ').find((part) => part.startsWith(heading)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|')).slice(2);
  return lines.map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}

t.test('the page lists the errors of the agent as the code has them', async (t) => {
  const fromCode = Object.keys(ERRORS).map((code) => {
    const error = new KmeshError(code as keyof typeof ERRORS, '', { hints: NEUTRAL_HINTS });
    return [`\`${code}\``, String(error.exitCode), error.general, error.remedy];
  });
  t.same(table('Errors of the agent'), fromCode);
});

t.test('the page lists the errors of kmesh-daemon as the code has them', async (t) => {
  const fromCode = Object.entries(DAEMON_ERRORS).map(([code, { cause, remedy }]) => [`\`${code}\``, cause, remedy]);
  t.same(table('Errors of kmesh-daemon'), fromCode);
});

t.test('the page lists the errors of the data plane as the code has them', async (t) => {
  const fromCode = Object.entries(DATAPLANE_ERRORS).map(([code, { cause, remedy }]) => [`\`${code}\``, cause, remedy]);
  t.same(table('Errors of the data plane'), fromCode);
});

t.test('the page lists each exit code once, and they are distinct', async (t) => {
  const listed = table('Exit codes of the agent').flatMap(([code = '', name = '']) => (name === '' ? [] : [[name, Number(code)]]));
  t.same(listed, Object.entries(EXIT_CODES));
  t.equal(new Set(Object.values(EXIT_CODES)).size, Object.keys(EXIT_CODES).length);
});

t.test('no text breaks the table', async (t) => {
  const texts = Object.values({ ...ERRORS, ...DAEMON_ERRORS }).flatMap(({ cause, remedy }) => [cause, typeof remedy === 'string' ? remedy : remedy(NEUTRAL_HINTS)]);
  t.same(texts.filter((text) => /[|\n]/.test(text)), []);
});
