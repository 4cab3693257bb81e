// SPDX-License-Identifier: Apache-2.0
/** Each step of a program over requests as kmesh.ko shows them: the real hook, a kernel without the module. */
import t from 'tap';
import { enterSandbox } from '../helpers/sandbox.js';
import { ask, toCluster, vhost, type Question } from './routes.js';
import { ADDRESS, openQuestionStage, PORT } from './questionStage.js';

await enterSandbox(import.meta.url);
const { dataplane, client } = await openQuestionStage(t);

const field = (name: 'method' | 'path' | 'full_path' | 'authority' | 'scheme'): Question => ({ op: 'field', field: name });
const header = (name: string): Question => ({ op: 'header', name });
const param = (name: string): Question => ({ op: 'param', name });
const compare = (text: string, offset = 0, more: { fromEnd?: boolean; ignoreCase?: boolean } = {}): Question => ({
  op: 'compare',
  bytes: Buffer.from(text, 'latin1'),
  offset,
  fromEnd: more.fromEnd ?? false,
  ignoreCase: more.ignoreCase ?? false,
});
const suffix = (text: string): Question => compare(text, text.length, { fromEnd: true });
const length = (bytes: number): Question => ({ op: 'length', is: 'exactly', bytes });
const atLeast = (bytes: number): Question => ({ op: 'length', is: 'at_least', bytes });
const contains = (text: string, ignoreCase = false): Question => ({ op: 'contains', bytes: Buffer.from(text, 'latin1'), ignoreCase });
const range = (start: bigint, end: bigint): Question => ({ op: 'range', start, end });

const get = (target: string, ...headers: readonly string[]): string => `GET ${target} HTTP/1.1\r\n${['Host: shop', ...headers].map((line) => `${line}\r\n`).join('')}\r\n`;
const many = Array.from({ length: 120 }, (_, i) => `x-${i}: ${i}`);
const LONG = 'abcdefghij'.repeat(400);
const TEXT_48 = 'a'.repeat(47) + 'b';

type Case = readonly [name: string, questions: readonly Question[], head: string, answer: 'yes' | 'no'];

const FIELDS: readonly Case[] = [
  ['method', [field('method'), compare('DELETE'), length(6)], 'DELETE / HTTP/1.1\r\nHost: shop\r\n\r\n', 'yes'],
  ['method is as it is sent', [field('method'), compare('GET')], 'get / HTTP/1.1\r\nHost: shop\r\n\r\n', 'no'],
  ['path without its query', [field('path'), compare('/a'), length(2)], get('/a?b=c'), 'yes'],
  ['full path', [field('full_path'), compare('/a?b=c'), length(6)], get('/a?b=c'), 'yes'],
  ['authority as it is sent', [field('authority'), compare('Shop:8080')], 'GET / HTTP/1.1\r\nHost: Shop:8080\r\n\r\n', 'yes'],
  ['scheme', [field('scheme'), compare('http'), length(4)], get('/'), 'yes'],
  ['a field that is missing', [field('path'), atLeast(0)], 'CONNECT shop:80 HTTP/1.1\r\nHost: shop:80\r\n\r\n', 'no'],
];

const PAIRS: readonly Case[] = [
  ['a header', [header('end-user'), compare('jason'), length(5)], get('/', 'End-User: jason'), 'yes'],
  ['a header of another value', [header('end-user'), compare('jason'), length(5)], get('/', 'End-User: jasons'), 'no'],
  ['no such header', [header('end-user')], get('/', 'End-Userx: jason', 'End-Use: jason'), 'no'],
  ['no headers at all but Host', [header('a')], get('/'), 'no'],
  ['an empty header is there', [header('x-empty'), length(0)], get('/', 'X-Empty:'), 'yes'],
  ['a header that stands twice', [header('x-a'), compare('1,2'), length(3)], get('/', 'X-A: 1', 'x-a: 2'), 'yes'],
  ...[0, 1, 59, 118, 119].map((i): Case => [`header ${i} of 121`, [header(`x-${i}`), compare(`${i}`), length(`${i}`.length)], get('/', ...many), 'yes']),
  ['none of 121 headers', [header('x-120')], get('/', ...many), 'no'],
  ['a name of 48 bytes', [header(TEXT_48)], get('/', `${TEXT_48}: 1`), 'yes'],
  ['a name that begins with it', [header(TEXT_48)], get('/', `${TEXT_48}c: 1`), 'no'],
  ['a parameter', [param('b'), compare('c'), length(1)], get('/?a=1&b=c'), 'yes'],
  ['of two the first', [param('b'), compare('c'), length(1)], get('/?b=c&b=d'), 'yes'],
  ['a parameter in another case', [param('B')], get('/?b=c'), 'no'],
  ['a header is no parameter', [param('host')], get('/?a=1'), 'no'],
  ['no parameters', [param('a')], get('/'), 'no'],
];

const COMPARISONS: readonly Case[] = [
  ['48 bytes', [field('path'), compare(`/${TEXT_48}`.slice(0, 48))], get(`/${TEXT_48}`), 'yes'],
  ['the last of 48 bytes differs', [field('path'), compare(TEXT_48, 1)], get(`/${'a'.repeat(48)}`), 'no'],
  ['behind 48 bytes', [field('path'), compare('b/x', 48)], get(`/${TEXT_48}/x`), 'yes'],
  ['the text is shorter', [field('path'), compare('/abc')], get('/ab'), 'no'],
  ['the text ends before the offset', [field('path'), compare('a', 9)], get('/a'), 'no'],
  ['a suffix', [field('path'), suffix('.html')], get('/index.html'), 'yes'],
  ['no suffix', [field('path'), suffix('.html')], get('/index.html/'), 'no'],
  ['a suffix that is the whole', [field('path'), suffix('/a')], get('/a'), 'yes'],
  ['a suffix longer than the text', [field('path'), suffix('//a')], get('/a'), 'no'],
  ['from the end, before it', [field('path'), compare('b', 2, { fromEnd: true })], get('/abc'), 'yes'],
  ['from the end, not enough behind it', [field('path'), compare('bc', 1, { fromEnd: true })], get('/abc'), 'no'],
  ['case counts', [field('path'), compare('/api')], get('/API'), 'no'],
  ['case does not count', [field('path'), compare('/api/v1-z[', 0, { ignoreCase: true })], get('/aPI/V1-Z['), 'yes'],
  ['only letters have a case', [header('x'), compare('@[`{', 0, { ignoreCase: true })], get('/', 'x: `{@['), 'no'],
  ['letters beyond ASCII have none', [header('x'), compare('\xe4', 0, { ignoreCase: true })], get('/', 'x: \xc4'), 'no'],
  ['bytes beyond ASCII', [header('x'), compare('\xc3\xa4', 0, { ignoreCase: true })], get('/', 'x: \xc3\xa4'), 'yes'],
  ['at least', [field('path'), atLeast(3)], get('/ab'), 'yes'],
  ['less', [field('path'), atLeast(4)], get('/ab'), 'no'],
  ['exactly', [field('path'), length(3)], get('/abc'), 'no'],
  ['the empty text', [field('path'), { op: 'empty' }, length(0)], get('/abc'), 'yes'],
  ['nothing stands in the empty text', [field('path'), { op: 'empty' }, compare('/')], get('/abc'), 'no'],
];

const CONTAINS: readonly Case[] = [
  ['at the beginning', [field('path'), contains('/a')], get('/abc'), 'yes'],
  ['at the end', [field('path'), contains('bc')], get('/abc'), 'yes'],
  ['the whole', [field('path'), contains('/abc')], get('/abc'), 'yes'],
  ['longer than the text', [field('path'), contains('/abcd')], get('/abc'), 'no'],
  ['not there', [field('path'), contains('x')], get('/abc'), 'no'],
  ['in the empty text', [field('path'), { op: 'empty' }, contains('a')], get('/abc'), 'no'],
  ['after beginnings of it', [field('path'), contains('aab')], get('/aaaaaaab'), 'yes'],
  ['cut off by the end', [field('path'), contains('aab')], get('/aaaaaaa'), 'no'],
  ['48 bytes', [field('path'), contains(TEXT_48)], get(`/${'a'.repeat(100)}b`), 'yes'],
  ['case counts', [field('path'), contains('abc')], get('/xABCx'), 'no'],
  ['case does not count', [field('path'), contains('abc', true)], get('/xaBCx'), 'yes'],
  // Every place of it within and across the windows of 128 bytes.
  ...Array.from({ length: 140 }, (_, i): Case => [`behind ${i} bytes`, [header('x'), contains('needle')], get('/', `x: ${'n'.repeat(i % 3)}${'.'.repeat(i)}needle${'.'.repeat(i % 7)}`), 'yes']),
  ['at the end of 4000 bytes', [header('x'), contains('needle')], get('/', `x: ${LONG}needle`), 'yes'],
  ['not in 4000 bytes', [header('x'), contains('needle')], get('/', `x: ${LONG}needl`), 'no'],
];

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const number = (text: string, start: bigint, end: bigint, answer: 'yes' | 'no'): Case => [`"${text}" in [${start}, ${end})`, [header('n'), range(start, end)], get('/', `n: ${text}`), answer];

const RANGES: readonly Case[] = [
  number('5', 5n, 6n, 'yes'),
  number('6', 5n, 6n, 'no'),
  number('-5', -5n, 0n, 'yes'),
  number('-6', -5n, 0n, 'no'),
  number('+7', 7n, 8n, 'yes'),
  number('0007', 7n, 8n, 'yes'),
  number('9223372036854775806', 0n, MAX, 'yes'),
  number('9223372036854775807', 0n, MAX, 'no'),
  number('9223372036854775808', MIN, MAX, 'no'),
  number('-9223372036854775808', MIN, MAX, 'yes'),
  number('-9223372036854775809', MIN, MAX, 'no'),
  number('99999999999999999999999999', MIN, MAX, 'no'),
  number('', MIN, MAX, 'no'),
  number('-', MIN, MAX, 'no'),
  number('5x', MIN, MAX, 'no'),
  number('5 5', MIN, MAX, 'no'),
  number('--5', MIN, MAX, 'no'),
  number('0x5', MIN, MAX, 'no'),
  number('5.0', MIN, MAX, 'no'),
];

let program = 0;

for (const [name, cases] of Object.entries({ fields: FIELDS, 'headers and parameters': PAIRS, comparisons: COMPARISONS, contains: CONTAINS, ranges: RANGES })) {
  await t.test(name, async (test) => {
    for (const [what, questions, head, answer] of cases) {
      await dataplane.apply(vhost(1, ask(questions, toCluster(1), toCluster(2)), (program += 1)));
      const [connection] = await client.connect(ADDRESS, PORT, head);
      test.equal(connection?.said, answer, what);
    }
  });
}
