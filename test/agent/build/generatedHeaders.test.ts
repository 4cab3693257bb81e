// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { configHeader, helperIdsHeader } from '../../../agent/build/generatedHeaders.js';
import { yes } from '../../../agent/probe/fact.js';
import { mergeHelpers } from '../../../agent/probe/helperFacts.js';
import { MACRO_NAMES, type Macros, decideMacros } from '../../../agent/probe/macros.js';

function macrosWithEvidence(evidence: string, helpers: ReadonlyMap<string, number> = new Map()): Macros {
  const facts = mergeHelpers({ path: evidence, helpers }, undefined);
  return decideMacros({ release: '6.1.0' }, facts, '1.1.2', yes(evidence), yes(evidence));
}

const clangIsThere = spawnSync('clang', ['--version']).status === 0;
const skip = clangIsThere || process.env['CI'] === 'true' ? false : 'clang is not installed';

/** Name to value of what the preprocessor defines for this header; compiles with warnings as errors first. */
function preprocess(folder: string): Map<string, string> {
  const run = (...options: string[]): string => {
    const result = spawnSync('clang', ['-xc', '-Wall', '-Wextra', '-Wundef', '-trigraphs', '-Werror', ...options, `${folder}/unit.h`], { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(result.stderr);
    return result.stdout;
  };
  run('-fsyntax-only');
  const defines = run('-E', '-dM').matchAll(/^#define (\w+)(?: (.*))?$/gm);
  return new Map([...defines].map((match) => [match[1] ?? '', match[2] ?? '']));
}

t.test('a compiler reads back what was decided, whatever the evidence says', { skip }, (t) => {
  const hostile = [
    'plain', '*/', '/*', '*/*', '/*/', '**//', '*\n/', 'a\n#define ITER_TYPE_IS_UBUF 0', '*\\\n/', '??/\n', '*??/\n/', '\u2028*/\r', 'ends in *', 'ends in \\', '\0',
    '*/\n#define EVIL 1\n/*',
  ];
  const folder = t.testdir({});
  for (const [i, evidence] of hostile.entries()) {
    const macros = macrosWithEvidence(evidence);
    const text = configHeader(macros);
    t.match(text, /^[\x20-\x7e\n]*$/, 'printable');
    t.equal(text.split('\n').length, configHeader(macrosWithEvidence('plain')).split('\n').length, 'a line for each comment');
    writeFileSync(`${folder}/unit.h`, text);
    const defined = preprocess(folder);
    for (const name of MACRO_NAMES) t.equal(defined.get(name), String(macros[name].value), `${name}, evidence ${i}`);
    t.notOk(defined.has('EVIL'));
  }
  t.end();
});

t.test('helper ids', { skip }, (t) => {
  const folder = t.testdir({ 'unit.h': helperIdsHeader(new Map([['_strncmp', 174], ['km_header_strnstr', 211]])) });
  const defined = preprocess(folder);
  t.equal(defined.get('KM_HELPER_ID__strncmp'), '174');
  t.equal(defined.get('KM_HELPER_ID_km_header_strnstr'), '211');
  t.notOk(defined.has('KM_HELPER_ID_parse_header_msg'), 'an absent helper has no id');
  t.end();
});

t.test('the same facts give the same bytes', (t) => {
  t.equal(helperIdsHeader(new Map([['a', 1], ['b', 2]])), helperIdsHeader(new Map([['b', 2], ['a', 1]])));
  t.equal(configHeader(macrosWithEvidence('x')), configHeader(macrosWithEvidence('x')));
  t.end();
});

t.test('a name or an id that cannot be is refused', (t) => {
  t.throws(() => helperIdsHeader(new Map([['a 1\n#define B', 1]])), /cannot be part/);
  for (const id of [0, -1, 1.5, NaN, 2 ** 31]) t.throws(() => helperIdsHeader(new Map([['a', id]])), /impossible id/, String(id));
  t.end();
});
