// SPDX-License-Identifier: Apache-2.0
// What goes wrong with kmesh-daemon, played in simulated time; docs/supervision.md shows what comes of it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../helpers/agentContext.js';
import { supervisionPage } from '../helpers/supervision/page.js';
import { type Outcome, play, SCENARIOS } from '../helpers/supervision/scenarios.js';

const outcomes: Outcome[] = [];
for (const scenario of SCENARIOS) outcomes.push(await play(scenario));

const named = (part: string): Outcome => {
  const found = outcomes.filter(({ scenario }) => scenario.fault.includes(part));
  if (found.length !== 1) throw new Error(`${found.length} scenarios with "${part}"`);
  return found[0]!;
};

const transitions = ({ events }: Outcome): unknown[] => events.flatMap(({ line }) => line['transition'] ?? []);

t.test('whatever happens, it is started again and ready, or the agent ends with a code', async (t) => {
  for (const outcome of outcomes) {
    const { scenario, error } = outcome;
    const last = transitions(outcome).at(-1);
    const fine = error !== undefined ? last === 'stopped' : [undefined, 'ready', 'crash-loop-left', 'stopped'].includes(last as string | undefined);
    t.ok(fine || scenario.plan.obeys === 'never', `${scenario.fault}: ${String(last)}`);
  }
  t.equal(transitions(named('SIGKILL does not reach')).at(-1), 'hung', 'no second one beside one that cannot be ended');
});

t.test('a daemon that lost its control plane, is slow, or was frozen with the agent is left alone', async (t) => {
  for (const part of ['goes away for an hour', 'from the first start on', 'for 20 s', 'docker pause']) {
    const outcome = named(part);
    t.equal(outcome.simulation.lives, 1, outcome.scenario.fault);
    t.equal(outcome.simulation.ctx.board.daemon.restarts, 0);
  }
});

t.test('the crash loop is entered once and left once', async (t) => {
  const all = transitions(named('ten times in a row, then'));
  t.same(all.filter((name) => String(name).startsWith('crash-loop')), ['crash-loop-entered', 'crash-loop-left']);
  t.equal(all.filter((name) => name === 'crashed').length, 10);
  t.match(named('--restart-limit').error, { code: 'KM_DAEMON_EXITED', exitCode: 3, detail: /3 times in a row/ });
});

t.test('docs/supervision.md says what happens', async (t) => {
  const page = readFileSync(path.join(projectRoot, 'docs/supervision.md'), 'utf8');
  t.equal(page, supervisionPage(page, outcomes), 'npm run docs:faults writes it anew');
  for (const { fault } of SCENARIOS) t.ok(page.includes(`| ${fault} |`), fault);
});
