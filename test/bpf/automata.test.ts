// SPDX-License-Identifier: Apache-2.0
/** Automata over values of requests: the real hook, held to RE2 itself. */
import t from 'tap';
import type { Operation, StepRecord } from '../../daemon/diff/operations.js';
import { newBudget } from '../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../daemon/model/routing/regex/compile.js';
import type { Automaton } from '../../daemon/model/routing/regex/automaton.js';
import { random } from '../daemon/diff/models.js';
import { anyExpression, textsFor } from '../daemon/model/routing/expressions.js';
import { re2 } from '../helpers/re2.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { ask, toCluster, vhost, type Question } from './routes.js';
import { ADDRESS, openQuestionStage, PORT } from './questionStage.js';
import { countedReasons, SIZES } from './stage.js';

await enterSandbox(import.meta.url);
const { dataplane, client } = await openQuestionStage(t, { ...SIZES, automata: 1000 });

let id = 0;

/** Routes by whether an automaton takes a part of the request, asked so many times. */
async function routeBy(part: Question, automaton: Automaton, times = 1): Promise<void> {
  id += 1;
  const put: Operation = { op: 'put', map: 'km_automaton', key: id, value: automaton };
  const questions = Array.from({ length: times }, (): Question => ({ op: 'automaton', automaton: id }));
  await dataplane.apply([put, ...vhost(1, ask([part, ...questions], toCluster(1), toCluster(2)), id)]);
}

const automatonOf = (regex: string, ascii: boolean): Automaton => {
  const { automaton } = compileRegex(regex, ascii, newBudget());
  if (!automaton) throw new Error(`no automaton: ${regex}`);
  return automaton;
};

const HEADER: Question = { op: 'header', name: 'x' };
const head = (value: Uint8Array, target = '/'): Buffer => Buffer.concat([Buffer.from(`GET ${target} HTTP/1.1\r\nHost: shop\r\nx: `), value, Buffer.from('\r\n\r\n')]);
const said = async (request: Buffer): Promise<string | undefined> => (await client.connect(ADDRESS, PORT, request))[0]?.said;

await t.test('path, query, parameter and header', async (test) => {
  const target = '/users/42/orders?page=7&x=abc';
  const cases: readonly (readonly [part: Question, regex: string, answer: 'yes' | 'no'])[] = [
    [{ op: 'field', field: 'path' }, '/users/[0-9]+/orders', 'yes'],
    [{ op: 'field', field: 'path' }, '/users/[a-z]+/orders', 'no'],
    [{ op: 'field', field: 'full_path' }, '/users/[^?]+\\?(.*&)?x=[a-c]+', 'yes'],
    [{ op: 'param', name: 'page' }, '[1-9][0-9]*', 'yes'],
    [{ op: 'param', name: 'page' }, '[1-6]+', 'no'],
    [{ op: 'param', name: 'none' }, '.*', 'no'],
    [HEADER, '\\w+[^a-z]n', 'yes'],
  ];
  for (const [part, regex, answer] of cases) {
    await routeBy(part, automatonOf(regex, part.op !== 'header'));
    test.equal(await said(head(Buffer.from('gr\u00fcn'), target)), answer, `${JSON.stringify(part)} ${regex}`);
  }
});

await t.test('texts of one window and more, and the empty one', async (test) => {
  await routeBy(HEADER, automatonOf('(ab)*c?', false));
  const texts = [0, 1, 63, 64, 65, 127, 128, 191, 192, 2000].map((n) => 'ab'.repeat(n));
  for (const text of texts) {
    test.equal(await said(head(Buffer.from(text))), 'yes', `${text.length} bytes`);
    test.equal(await said(head(Buffer.from(`${text}c`))), 'yes', `${text.length} bytes and the last one`);
    test.equal(await said(head(Buffer.from(`${text}cb`))), 'no', `${text.length} bytes and something behind`);
    test.equal(await said(head(Buffer.from(`c${text}b`))), 'no', `something before ${text.length} bytes`);
  }
});

await t.test('random expressions and texts, as RE2 answers', async (test) => {
  const below = random(9);
  const counts = { yes: 0, no: 0 };
  for (let n = 0; n < 150; ) {
    const regex = anyExpression(below, false);
    const { automaton } = compileRegex(regex, false, newBudget());
    const engine = automaton && re2(regex);
    if (!engine) continue;
    n += 1;
    await routeBy(HEADER, automaton);
    const text = textsFor(automaton, false);
    for (let i = 0; i < 12; i += 1) {
      // No byte that a head cannot have, and no blank that is not part of a value.
      const value = text(below).filter((byte) => byte > 0x20 && byte !== 0x7f);
      const answer = engine.matches(value) ? 'yes' : 'no';
      counts[answer] += 1;
      const got = await said(head(value));
      if (got !== answer) test.fail('another answer', { regex, value: Buffer.from(value).toString('latin1'), answer, got });
    }
    engine.done();
  }
  test.comment(JSON.stringify(counts));
  test.ok(counts.yes > 300 && counts.no > 300, 'both answers are met often');
});

/** Connects with a value and tells what is counted of its request, and of the connection. */
async function counted(value: Buffer): Promise<{ said: string | undefined; events: string[]; reasons: string[] }> {
  const before = dataplane.counters().l7;
  let answer: string | undefined;
  const reasons = await countedReasons(dataplane, async () => {
    answer = await said(head(value));
  });
  const events = Object.entries(dataplane.counters().l7).filter(([event, count]) => count !== before[event as keyof typeof before]);
  return { said: answer, events: events.map(([event]) => event), reasons: Object.keys(reasons) };
}

await t.test('the longest texts end within the rounds of a walk, or in the default decision', async (test) => {
  const value = Buffer.alloc(60_000, 'a');
  await routeBy(HEADER, automatonOf('a*', false), 8);
  test.same(await counted(value), { said: 'yes', events: ['routed'], reasons: ['steered'] });
  await routeBy(HEADER, automatonOf('a*', false), 9);
  test.same(await counted(value), { said: 'default', events: ['budget'], reasons: ['steered'] });
  // What cannot match any more is not looked at further.
  await routeBy(HEADER, automatonOf('ba*', false), 1);
  test.same(await counted(value), { said: 'no', events: ['routed'], reasons: ['steered'] });
});

await t.test('records with holes, as only a bug of the daemon could leave them', async (test) => {
  const missing: StepRecord[] = ask([HEADER, { op: 'automaton', automaton: 9999 }], toCluster(1), toCluster(2));
  await dataplane.apply(vhost(1, missing, (id += 1)));
  test.same(await counted(Buffer.from('a')), { said: '-', events: [], reasons: ['err_route'] }, 'no automaton');
  const good = automatonOf('a*', false);
  await routeBy(HEADER, { ...good, start: 0xffffff });
  test.same(await counted(Buffer.from('a')), { said: '-', events: [], reasons: ['err_route'] }, 'a state outside of the table');
  test.same(await counted(Buffer.from('')), { said: 'no', events: ['routed'], reasons: ['steered'] }, 'and one that no text comes to');
});
