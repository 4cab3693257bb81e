// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type BpfHeader, parseBpfHeader } from '../../../agent/probe/bpfHeader.js';
import { helperFact, mergeHelpers } from '../../../agent/probe/facts.js';
import { type MacroName, decideMacros } from '../../../agent/probe/macros.js';
import { unknown } from '../../../agent/probe/fact.js';

interface Expected {
  readonly file: string;
  readonly mapper_style: string;
  readonly total_helpers_incl_unspec: number;
  readonly max_id: number;
  readonly last_helper: string;
  readonly helpers: Readonly<Record<string, number | null>>;
  readonly correct_macros: Readonly<Partial<Record<MacroName, 0 | 1>>>;
}

const FOLDER = fileURLToPath(new URL('../../../../shared/fixtures/bpf-h/', import.meta.url));
const skip = existsSync(`${FOLDER}expected.json`) ? false : 'no ../shared/fixtures beside the project';

const readExpected = (): [string, Expected][] => Object.entries(JSON.parse(readFileSync(`${FOLDER}expected.json`, 'utf8')) as Record<string, Expected>);

t.test('real headers', { skip }, (t) => {
  for (const [name, expected] of readExpected()) {
    t.test(name, (t) => {
      const header = parseBpfHeader(readFileSync(FOLDER + expected.file, 'utf8'));
      if (!header.ok) return Promise.reject(new Error(header.detail));
      t.equal(header.style, expected.mapper_style);
      t.equal(header.helpers.size + 1, expected.total_helpers_incl_unspec);
      t.equal(header.lastHelper, expected.last_helper);
      t.equal(Math.max(...header.helpers.values()), expected.max_id);
      for (const [helper, id] of Object.entries(expected.helpers)) t.equal(header.helpers.get(helper) ?? null, id, helper);
      const facts = mergeHelpers({ path: expected.file, helpers: header.helpers }, undefined);
      const macros = decideMacros({ release: '5.10.0' }, facts, undefined, unknown(''), unknown(''));
      for (const [macro, value] of Object.entries(expected.correct_macros)) t.equal(macros[macro as MacroName].value, value, macro);
      t.equal(helperFact(facts, 'no_such_helper').answer, 'no');
      t.end();
      return undefined;
    });
  }
  t.end();
});

t.test('a real header that was cut anywhere is never taken for a whole one', { skip }, (t) => {
  for (const [name, expected] of readExpected()) {
    const text = readFileSync(FOLDER + expected.file, 'utf8');
    const lastEndif = text.lastIndexOf('#endif');
    for (let part = 1; part < 40; part += 1) {
      const cut = parseBpfHeader(text.slice(0, Math.floor((lastEndif * part) / 40)));
      t.equal(cut.ok, false, `${name} cut at ${part}/40`);
      if (!cut.ok && part > 2) t.equal(cut.problem, 'truncated', `${name} cut at ${part}/40: ${cut.detail}`);
    }
  }
  t.end();
});

const ENUM = '\n#define __BPF_ENUM_FN(x) BPF_FUNC_ ## x\nenum bpf_func_id {\n\t__BPF_FUNC_MAPPER(__BPF_ENUM_FN)\n\t__BPF_FUNC_MAX_ID,\n};\n';
const whole = (mapper: string): string => `#ifndef _UAPI__LINUX_BPF_H__\n#define _UAPI__LINUX_BPF_H__\n${mapper}${ENUM}#endif\n`;
const helpersOf = (text: string): Record<string, number> => {
  const header = parseBpfHeader(text);
  if (!header.ok) throw new Error(`${header.problem}: ${header.detail}`);
  return Object.fromEntries(header.helpers);
};

t.test('ways to write a mapper', (t) => {
  const cases: [string, string, Record<string, number>][] = [
    ['several on a line', '#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a), FN(b), \\\n FN(c),', { a: 1, b: 2, c: 3 }],
    ['no blanks at all', '#define __BPF_FUNC_MAPPER(FN)FN(unspec),FN(a),FN(b)', { a: 1, b: 2 }],
    ['comments between, over lines and with helpers in them', '#define __BPF_FUNC_MAPPER(FN) \\\n FN(unspec), /* FN(no),\n more */ \\\n FN(a), \\\n /* */', { a: 1 }],
    ['a comment inside an entry', '#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(/* the */ a), FN( b /**/ ),', { a: 1, b: 2 }],
    ['another name of the parameter', '#define __BPF_FUNC_MAPPER( HELPER ) HELPER(unspec), HELPER(a),', { a: 1 }],
    ['blanks after the backslash, DOS line ends', '#define __BPF_FUNC_MAPPER(FN) \\ \r\n FN(unspec), \\\t\r\n FN(a), \\\r\n\r\n', { a: 1 }],
    ['a name over two lines', '#define __BPF_FUNC_MAPPER(FN) FN(uns\\\npec), FN(map_\\\nlookup),', { map_lookup: 1 }],
    ['ids, not in order, with a gap', '#define ___BPF_FUNC_MAPPER(FN, ctx...) FN(unspec, 0, ##ctx) FN(b, 0x11, ##ctx) FN(a, 3U, ## ctx)', { b: 17, a: 3 }],
    ['ids, wrapper for old users after it', '#define ___BPF_FUNC_MAPPER(FN, ctx...) \\\n FN(unspec, 0, ##ctx) \\\n FN(a, 1, ##ctx)\n' +
      '#define __BPF_FUNC_MAPPER_APPLY(name, value, FN) FN(name),\n#define __BPF_FUNC_MAPPER(FN) ___BPF_FUNC_MAPPER(__BPF_FUNC_MAPPER_APPLY, FN)', { a: 1 }],
    ['an #if 0 before it', '#if 0\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(old),\n#else\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),\n#endif', { a: 1 }],
    ['a mapper inside a nested #if 0', '#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),\n#if 0\n#ifdef X\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(b),\n#endif\n#endif', { a: 1 }],
    ['an #if 0 with DOS line ends', '#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),\r\n#if 0\r\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(b),\r\n#endif\r\n', { a: 1 }],
    ['a mapper in a comment', '// #define __BPF_FUNC_MAPPER(FN) FN(no), \\\n FN(more)\n/* #define __BPF_FUNC_MAPPER(FN) FN(no) */\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),', { a: 1 }],
    ['a comment opener in a text', '#define URL "http://x/*" \n#define C \'"\'\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),', { a: 1 }],
    ['an apostrophe in an #error', "#ifdef X\n#error don't /* do\n that */\n#endif\n#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),", { a: 1 }],
    ['vendor helpers with a leading underscore', '#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(_strncmp), FN(km_header_strnstr),', { _strncmp: 1, km_header_strnstr: 2 }],
    ['a blank before define', '#  define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(a),', { a: 1 }],
  ];
  for (const [name, mapper, expected] of cases) t.same(helpersOf(whole(mapper)), expected, name);
  t.end();
});

t.test('what is not a header', (t) => {
  const old = '#define __BPF_FUNC_MAPPER(FN)';
  const fresh = '#define ___BPF_FUNC_MAPPER(FN, ctx...)';
  const cases: [string, string, string, RegExp][] = [
    ['nothing', '', 'empty', /no text/],
    ['blanks', ' \n\t\n', 'empty', /no text/],
    ['an open comment', '/* Copyright', 'truncated', /comment/],
    ['an open include guard', '#ifndef A\n#define A\n', 'truncated', /include guard/],
    ['an open include guard, DOS line ends', '#ifndef A\r\n#define A\r\n', 'truncated', /include guard/],
    ['cut after a helper', `${old} FN(unspec), FN(a), \\\n`, 'truncated', /does not follow/],
    ['cut inside a helper', `${old} FN(unspec), FN(map_loo`, 'truncated', /does not follow/],
    ['cut inside the enum', `${old} FN(unspec), FN(a),\nenum bpf_func_id {`, 'truncated', /does not follow/],
    ['HTML', '<!doctype html><title>404</title>', 'garbage', /not a linux\/bpf.h/],
    ['binary', '\x7fELF\0\0\0', 'garbage', /NUL/],
    ['another header', '#ifndef A\n#define A\nint x;\n#endif\n', 'garbage', /not a linux\/bpf.h/],
    ['a stray #endif', '#endif\n', 'garbage', /#endif has no #if/],
    ['a stray #else', '#else\n#endif\n', 'garbage', /#else has no #if/],
    ['no entries', whole(old), 'garbage', /unspec/],
    ['only unspec', whole(`${old} FN(unspec),`), 'garbage', /no helper/],
    ['not from the begin: ids would be off', whole(`${old} FN(a), FN(b),`), 'garbage', /unspec/],
    ['a helper twice', whole(`${old} FN(unspec), FN(a), FN(a),`), 'garbage', /a stands in it twice/],
    ['an id twice', whole(`${fresh} FN(unspec, 0, ##ctx) FN(a, 1, ##ctx) FN(b, 1, ##ctx)`), 'garbage', /a and b both have the id 1/],
    ['two styles', whole(`${fresh} FN(unspec, 0, ##ctx) FN(a)`), 'garbage', /a is not written like/],
    ['an id that is an expression', whole(`${fresh} FN(unspec, 0, ##ctx) FN(a, X, ##ctx)`), 'garbage', /"X" of a is no number/],
    ['an id beyond 31 bits', whole(`${fresh} FN(unspec, 0, ##ctx) FN(a, 0x80000000, ##ctx)`), 'garbage', /no number/],
    ['a negative id', whole(`${fresh} FN(unspec, 0, ##ctx) FN(a, -1, ##ctx)`), 'garbage', /cannot read the entry/],
    ['another call', whole(`${old} FN(unspec), GN(a),`), 'garbage', /found "GN" after unspec/],
    ['a nested call', whole(`${old} FN(unspec), FN(FN(a)),`), 'garbage', /cannot read the entry/],
    ['an open call', whole(`${old} FN(unspec), FN(a`), 'garbage', /not closed/],
    ['a number as name', whole(`${old} FN(unspec), FN(1a),`), 'garbage', /no helper name/],
    ['too many helpers', whole(`${old} FN(unspec), ${Array.from({ length: 3000 }, (_, i) => `FN(h${i}),`).join(' ')}`), 'garbage', /more than/],
    ['too large', `/*${'x'.repeat(5 * 1024 * 1024)}*/`, 'garbage', /has less than/],
  ];
  for (const [name, text, problem, detail] of cases) {
    const result = parseBpfHeader(text);
    t.match(result, { ok: false, problem, detail }, name);
  }
  t.end();
});

t.test('hostile texts cost no more than their length', (t) => {
  const megabyte = 1024 * 1024;
  const texts = [`"${'\\"'.repeat(megabyte)}`, '/*/'.repeat(megabyte), '\\ '.repeat(megabyte), '#if 1\n'.repeat(megabyte / 2), '#if 1\nx\n'.repeat(megabyte / 4), "'\"".repeat(megabyte), '#define __BPF_FUNC_MAPPER('.repeat(megabyte / 20), ' '.repeat(3 * megabyte) + 'x'];
  for (const text of texts) {
    const start = performance.now();
    t.equal(parseBpfHeader(text).ok, false);
    t.ok(performance.now() - start < 5000, `${JSON.stringify(text.slice(0, 12))}...`);
  }
  t.end();
});

t.test('a prototype name is a helper like any other', (t) => {
  const header = parseBpfHeader(whole('#define __BPF_FUNC_MAPPER(FN) FN(unspec), FN(__proto__), FN(constructor),')) as BpfHeader;
  t.equal(header.helpers.get('__proto__'), 1);
  t.equal(header.helpers.get('toString'), undefined);
  t.end();
});
