// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { QuestionError, readQuestion } from '../../../daemon/explain/question.js';

t.test('a connection, and one with a request', async (t) => {
  t.same(readQuestion({ address: '10.96.0.1:80' }), { ip: { family: 4, text: '10.96.0.1' }, port: 80, request: undefined });
  t.match(readQuestion({ address: '[FD00::1]:8080', path: '/x?y' }), { ip: { family: 6, text: 'fd00::1' }, port: 8080, request: { method: 'GET', path: '/x?y', host: '[fd00::1]:8080' } });
  t.match(readQuestion({ address: '10.96.0.1:80', method: 'PUT' }).request, { method: 'PUT', path: '/', host: '10.96.0.1' });
  const { request } = readQuestion({ address: '10.96.0.1:80', header: ['Host: shop', 'Cookie: a=1', 'cookie:b=2', 'X-Y:1', 'x-y:2'] });
  t.equal(request?.host, 'shop', 'Host is no other header');
  t.same([...request!.headers], [['cookie', 'a=1; b=2'], ['x-y', '1,2']], 'as a server takes those that stand twice');
});

t.test('what means nothing names its option', async (t) => {
  const refused: [Parameters<typeof readQuestion>[0], RegExp][] = [
    ...['', '10.96.0.1', '10.96.0.1:0', '10.96.0.1:65536', '10.96.0.256:80', 'fd00::1:80', 'shop:80', '[10.96.0.1:80'].map((address): [{ address: string }, RegExp] => [{ address }, /^--address takes/]),
    [{ address: '10.96.0.1:80', method: 'G T' }, /^--method takes/],
    [{ address: '10.96.0.1:80', path: 'x' }, /^--path takes/],
    [{ address: '10.96.0.1:80', path: '/a b' }, /^--path takes/],
    [{ address: '10.96.0.1:80', header: ['x'] }, /^--header takes/],
    [{ address: '10.96.0.1:80', header: [' :x'] }, /^--header takes/],
  ];
  for (const [options, message] of refused) t.throws(() => readQuestion(options), { name: QuestionError.name, message }, JSON.stringify(options));
});
