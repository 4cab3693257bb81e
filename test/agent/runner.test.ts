// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { KmeshError } from '../../agent/errors.js';
import type { Phase } from '../../agent/phase.js';
import { phasesUntil, runPhases, timingSummary, undoPhases } from '../../agent/runner.js';
import { temporaryFolder, testContext } from '../helpers/agentContext.js';

/** A phase that writes down what happens to it. */
function phase(name: string, events: string[], changes: Partial<Phase> = {}): Phase {
  return {
    name,
    summary: name,
    plan: async () => [],
    run: async () => void events.push(`run ${name}`),
    undo: async (_, scope) => void events.push(`undo ${name} ${scope}`),
    ...changes,
  };
}

t.test('phases run in order, one timed line each, and are undone in reverse order', async (t) => {
  const events: string[] = [];
  const ctx = testContext(temporaryFolder(t));
  const phases = [phase('a', events), phase('b', events, { when: () => ({ skip: 'not today' }) }), phase('c', events)];
  const progress = await runPhases(phases, ctx);
  t.same(await undoPhases(progress.begun, ctx, 'all'), []);
  t.same(events, ['run a', 'run c', 'undo c all', 'undo a all']);
  const lines = ctx.lines.filter((line) => line['outcome'] !== undefined && line['outcome'] !== 'undone').map(({ msg }) => msg);
  t.match(lines, [/^phase a \(1\/3\): done, \d+ ms$/, /^phase b \(2\/3\): skipped, not today$/, /^phase c \(3\/3\): done, \d+ ms$/]);
  t.match(timingSummary(progress.timings), /^2 phases in \d+ ms: a \d+, c \d+; skipped: b$/);
});

t.test('a failing phase ends the run, and its own half-done work is undone too', async (t) => {
  const events: string[] = [];
  const ctx = testContext(temporaryFolder(t));
  const refuse = async (): Promise<void> => {
    throw new KmeshError('KM_MOUNT_FAILED', 'no', { tail: ['mount: permission denied'] });
  };
  const { begun, error, stopped } = await runPhases([phase('a', events), phase('b', events, { run: refuse }), phase('c', events)], ctx);
  t.equal(error?.code, 'KM_MOUNT_FAILED');
  t.equal(stopped, false);
  await undoPhases(begun, ctx, 'run');
  t.same(events, ['run a', 'undo b run', 'undo a run']);
  const logged = ctx.lines.find((line) => line['error'] !== undefined)?.['error'];
  t.match(logged, { code: 'KM_MOUNT_FAILED', exitCode: 14, tail: ['mount: permission denied'] }, 'the log has code, exit code and the last lines of the tool');
});

t.test('a phase that serves one capability may fail, unless that is required', async (t) => {
  const events: string[] = [];
  const refuse = async (): Promise<void> => {
    throw new KmeshError('KM_MODULE_COMPILE', 'no', { tail: ['kmesh.c:1: error'] });
  };
  const phases = [phase('a', events), phase('b', events, { serves: 'l7-http', run: refuse }), phase('c', events)];
  const ctx = testContext(temporaryFolder(t));
  const { begun, error, timings } = await runPhases(phases, ctx);
  t.equal(error, undefined);
  t.same(events, ['run a', 'undo b run', 'run c'], 'what it did half way is taken back before the others go on');
  t.match(ctx.results.forgone?.get('l7-http'), { code: 'KM_MODULE_COMPILE', tail: ['kmesh.c:1: error'] }, 'kept for the table of capabilities');
  t.match(ctx.lines.filter(({ level }) => level >= 40), [
    { level: 40, msg: /^phase b \(2\/3\): failed, \d+ ms; the node comes up without l7-http$/, outcome: 'forgone' },
    { level: 40, error: { code: 'KM_MODULE_COMPILE', tail: ['kmesh.c:1: error'] } },
  ]);
  t.match(timingSummary(timings), /^3 phases in \d+ ms: .*; failed: b$/);
  await undoPhases(begun, ctx, 'all');
  t.same(events.slice(3), ['undo c all', 'undo b all', 'undo a all'], 'and asked again with the others');

  const strict = testContext(temporaryFolder(t), { options: { require: ['l7-http'] } });
  t.equal((await runPhases(phases, strict)).error?.code, 'KM_MODULE_COMPILE');
  const other = testContext(temporaryFolder(t), { options: { require: ['l4-ipv4'] } });
  t.equal((await runPhases(phases, other)).error, undefined, 'another one is required');
});

t.test('what nobody foresaw is an internal error, not a silent one', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  const { error } = await runPhases([phase('a', [], { run: () => Promise.reject(new TypeError('x is not a function')) })], ctx);
  t.match(error, { code: 'KM_INTERNAL', exitCode: 1, detail: 'x is not a function' });
});

t.test('an undo that fails does not keep the others from being undone', async (t) => {
  const events: string[] = [];
  const ctx = testContext(temporaryFolder(t));
  const stuck = phase('b', events, { undo: () => Promise.reject(new KmeshError('KM_UNMOUNT_FAILED', 'busy')) });
  const errors = await undoPhases([phase('a', events), stuck, phase('c', events)], ctx, 'all');
  t.same(events, ['undo c all', 'undo a all']);
  t.same(errors.map(({ code }) => code), ['KM_UNMOUNT_FAILED']);
});

t.test('a signal ends the run after the current phase, or in the middle of it', async (t) => {
  const events: string[] = [];
  const ctx = testContext(temporaryFolder(t));
  const signalled = phase('a', events, { run: async () => ctx.abort('SIGINT') });
  const between = await runPhases([signalled, phase('b', events)], ctx);
  t.match(between, { stopped: true, error: undefined });
  t.same(between.begun.map(({ name }) => name), ['a']);

  const other = testContext(temporaryFolder(t));
  const cut = phase('a', events, {
    run: async () => {
      other.abort('SIGTERM');
      throw new Error('the tool was ended');
    },
  });
  const within = await runPhases([cut, phase('b', events)], other);
  t.match(within, { stopped: true, error: undefined }, 'a tool that was ended by our signal is no error');
  t.same(events, []);

  const last = testContext(temporaryFolder(t));
  const waiting = phase('a', events, {
    run: async () => {
      last.abort('SIGTERM');
      throw new Error('stopped while waiting');
    },
  });
  t.match(await runPhases([waiting], last), { stopped: true, error: undefined }, 'also in the last phase');
});

t.test('--until takes the phases up to and with the one that it names', async (t) => {
  const phases = ['a', 'b', 'c'].map((name) => phase(name, []));
  t.same(phasesUntil(phases, 'b').map(({ name }) => name), ['a', 'b']);
  t.same(phasesUntil(phases, undefined), phases);
});
