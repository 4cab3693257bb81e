// SPDX-License-Identifier: Apache-2.0
// The record that eBPF programs read: what it holds of a head, by hand; of all sorts of heads: model.test.ts.
import t from 'tap';
import { buildProgram } from './build.js';
import { judgeAll } from './judge.js';
import { fnv1a, type Request } from './model/request.js';

const program = buildProgram({ sources: ['judgeHeads.c', 'headCheck.c'] });

function requestOf(...lines: readonly string[]): Request {
  const [opinion] = judgeAll(program, [Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')]);
  if (!opinion?.request) throw new Error(`not complete: ${JSON.stringify(opinion)}`);
  return opinion.request;
}

/** Without hashes, by name. */
const byName = (pairs: Request['headers']): Record<string, string> => Object.fromEntries(pairs.map(([, name, value]) => [name, value]));

t.test('hashes are FNV-1a', async (t) => {
  // The test vectors of draft-eastlake-fnv, appendix C.
  t.same([fnv1a(''), fnv1a('a'), fnv1a('foobar')], ['cbf29ce484222325', 'af63dc4c8601ec8c', '85944171f73967e8']);
  t.same(requestOf('GET /?a&foobar HTTP/1.0').params.map(([hash]) => hash), ['85944171f73967e8', 'af63dc4c8601ec8c']);
});

t.test('fields', async (t) => {
  t.same(requestOf('GET /a/b?c=d#e HTTP/1.1', 'Host: Reviews:9080').fields, {
    method: 'GET', path: '/a/b', fullPath: '/a/b?c=d#e', authority: 'Reviews:9080', scheme: 'http',
  });
  t.same(requestOf('GET HTTPS://user:secret@A.example:8443/b?c HTTP/1.1', 'Host: other').fields, {
    method: 'GET', path: '/b', fullPath: '/b?c', authority: 'A.example:8443', scheme: 'https',
  }, 'the target goes before Host, RFC 9112 section 3.2.2');
  t.same(requestOf('GET http://a?b HTTP/1.1', 'Host: a').fields, { method: 'GET', path: '/', fullPath: '/?b', authority: 'a', scheme: 'http' });
  t.same(requestOf('GET http://a HTTP/1.1', 'Host: a').fields, { method: 'GET', path: '/', fullPath: '/', authority: 'a', scheme: 'http' });
  t.same(requestOf('OPTIONS * HTTP/1.1', 'Host: a').fields, { method: 'OPTIONS', path: '*', fullPath: '*', authority: 'a', scheme: 'http' });
  t.same(requestOf('CONNECT a:443 HTTP/1.1', 'Host: b').fields, { method: 'CONNECT', path: '', fullPath: '', authority: 'a:443', scheme: 'http' });
});

t.test('nobody is asked for', async (t) => {
  for (const lines of [['GET http://a/ HTTP/1.1'], ['GET / HTTP/1.0'], ['GET / HTTP/1.1', 'Host:']]) {
    const { fields, host, bare } = requestOf(...lines);
    t.same([fields.authority, host, bare], ['', ['', ''], ['', '']], lines.join(', '));
  }
  t.same(requestOf('GET http://a/ HTTP/1.0').host, ['a', 'a'], 'before HTTP/1.1 a target is enough');
});

t.test('hosts', async (t) => {
  const variants = (host: string): unknown => {
    const request = requestOf('GET / HTTP/1.1', `Host: ${host}`);
    return [...request.host, ...request.bare];
  };
  t.same(variants('Reviews.NS:9080'), ['reviews.ns:9080', '0809:sn.sweiver', 'reviews.ns', 'sn.sweiver']);
  t.same(variants('a.'), ['a.', '.a', 'a.', '.a']);
  t.same(variants('a:'), ['a:', ':a', 'a', 'a']);
  t.same(variants('[FD00::A]:80'), ['[fd00::a]:80', '08:]a::00df[', '[fd00::a]', ']a::00df[']);
  t.same(variants('[fd00::a]'), ['[fd00::a]', ']a::00df[', '[fd00::a]', ']a::00df[']);

  const longest = 'h'.repeat(248);
  t.same(variants(longest), [longest, longest, longest, longest]);
  t.same(variants(`${longest}h`), ['', '', '', ''], 'no domain is that long');
  t.same(variants(`${longest}:80`), ['', '', longest, longest], 'without the port it is not too long');
});

t.test('headers', async (t) => {
  const { headers } = requestOf('GET / HTTP/1.1', 'Host: a', 'X-User: 1', 'Cookie: a=1', 'x-user:', 'COOKIE: b=2', 'x-USER: 3', 'empty:');
  t.same(byName(headers), { host: 'a', 'x-user': '1,,3', cookie: 'a=1; b=2', empty: '' });
  t.equal(headers.length, 4);
});

t.test('parameters', async (t) => {
  const params = (query: string): Record<string, string> => byName(requestOf(`GET /a${query} HTTP/1.1`, 'Host: a').params);
  t.same(params(''), {});
  t.same(params('?'), {});
  t.same(params('?a=1&b&c=&a=2&A=3'), { a: '1', b: '', c: '', A: '3' }, 'the first of a name counts');
  t.same(params('?a=b=c&=d&%61=%20+'), { a: 'b=c', '': 'd', '%61': '%20+' }, 'nothing is decoded');
  t.same(params('?a&&b&'), { a: '', '': '', b: '' });
  t.same(params('?a=1?b=2#c&d'), { a: '1?b=2' }, 'a fragment is no query');
  t.same(params('#?a=1'), {});

  const names = Array.from({ length: 70 }, (_, n) => `p${n}`);
  t.same(Object.keys(params(`?${names.join('&')}`)).sort(), names.slice(0, 64).sort(), 'further ones are left out');
});

t.test('two names with one hash are two names', async (t) => {
  // Found by Landon Curt Noll: texts whose 64-bit FNV-1a is 0.
  const [one, other] = ['77kepQFQ8Kl', 'QvXtM>@Fp%'];
  t.same([fnv1a(one), fnv1a(other)], ['0000000000000000', '0000000000000000']);
  const { params } = requestOf(`GET /?${one}=1&${other}=2&${one}=3&x HTTP/1.1`, 'Host: a');
  t.same(params.slice(0, 2).map(([, name, value]) => [name, value]), [[other, '2'], [one, '1']]);
});
