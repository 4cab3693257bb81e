// SPDX-License-Identifier: Apache-2.0
// The plugin's reader of JSON against JSON.parse: handmade texts, and thousands that differ from them by a byte.
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { buildProgram } from './build.js';

const reader = buildProgram('readJson.c');

function read(texts: readonly string[]): string[] {
  const input = texts.flatMap((text) => {
    const bytes = Buffer.from(text, 'latin1');
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    return [head, bytes];
  });
  return execFileSync(reader, { input: Buffer.concat(input), encoding: 'latin1', maxBuffer: 1 << 26 }).split('\0').slice(0, -1);
}

/** What JSON.parse makes of it, with `k` where it is once. */
function expected(text: string): { readonly valid: boolean; readonly k?: unknown } {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && 'k' in value ? { valid: true, k: value.k } : { valid: true };
  } catch {
    return { valid: false };
  }
}

const TEXTS = [
  '{}', ' [ ] ', '0', '-0', '-', '01', '1.', '1.5e+3', '1e', '.5', '-1.25E-7', 'true', 'falsey', 'nul', 'null', '""', '"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\x41"', '"\t"', '"\\', '', ' ', '{"a":1,}', '[1,]', '[,1]', '{,}', '{"a"}', '{"a":}', '{a:1}', '[1 2]', '1 2', '{"k":"v"}',
  '{"cniVersion":"1.0.0","k":{"interfaces":[{"name":"eth0","mac":"0a:58:0a:f4:00:05"}],"ips":[{"address":"10.1.0.5/16"}],"dns":{}},"type":"kmesh-cni"}', '{"\\u006b":"escaped name"}', '{"k":"a\\n\\"\\\\\\/b"}', '{"k" : [ 1 , { "k" : 2 } ] , "l":{"k":3}}', '\ufeff{}'.slice(0), '{"k":"\u00e9"}', '{"":0,"k":"\\b\\f\\r\\t"}',
];

/** The same each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
}

t.test('it takes what JSON.parse takes, and nothing else', async (t) => {
  const next = numbers(7);
  const alphabet = '{}[]",:\\u0019abk-+.eEtrfn \n\t\x01\x7f\xff';
  const mutants = TEXTS.flatMap((text) => Array.from({ length: 300 }, () => {
    const at = Math.floor(next() * (text.length + 1));
    const byte = alphabet[Math.floor(next() * alphabet.length)] ?? '';
    return text.slice(0, at) + (next() < 0.3 ? '' : byte) + text.slice(next() < 0.5 ? at : at + 1);
  }));
  const all = [...TEXTS, ...mutants].map((text) => Buffer.from(text, 'latin1').toString('latin1'));
  const wrong = read(all).flatMap((line, i) => (line.startsWith('yes') === expected(all[i]!).valid ? [] : [`${JSON.stringify(all[i])}: ${line}`]));
  t.same(wrong, []);
  const good = all.filter((text) => expected(text).valid).length;
  t.ok(good > 500 && all.length - good > 500, `${good} of ${all.length} are JSON`);
});

t.test('the member that is asked for, and no other', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"k":"v"}', 'yes 3\tv'],
    ['{"\\u006b":"escaped name"}', 'yes 14\tescaped name'],
    ['{"a":{"k":1}, "k" :  [ 1 , 2 ]  }', 'yes 9'],
    ['{"k":1,"k":1}', 'yes twice'],
    ['{"K":1,"kk":2,"":3}', 'yes'],
    ['["k"]', 'yes'],
    ['{"k":"a\\u0000b"}', 'yes 10'],
    ['{"k":"\\ud83d"}', 'yes 8'],
    ['{"k":"\\u00e9\\u20ac\\ud83d\\ude00"}', `yes 26\t${Buffer.from('é€😀').toString('latin1')}`],
    [`{"k":"${'x'.repeat(255)}"}`, `yes 257\t${'x'.repeat(255)}`],
    [`{"k":"${'x'.repeat(256)}"}`, 'yes 258'],
    ['['.repeat(64) + ']'.repeat(64), 'yes'],
    ['['.repeat(65) + ']'.repeat(65), 'no'],
    ['['.repeat(1_000_000), 'no'],
  ];
  t.same(read(cases.map(([text]) => text)), cases.map(([, line]) => line));
});
