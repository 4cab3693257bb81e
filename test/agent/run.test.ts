// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import t from 'tap';
import { run } from '../../agent/commands/run.js';
import { KmeshError } from '../../agent/errors.js';
import type { Phase } from '../../agent/phase.js';
import { requirePrivileges } from '../../agent/privileges.js';
import { L4_HELPERS } from '../../agent/probe/capabilities.js';
import { no, yes } from '../../agent/probe/fact.js';
import { mergeHelpers } from '../../agent/probe/helperFacts.js';
import { kernelFacts } from '../../agent/probe/kernelFacts.js';
import { decideMacros } from '../../agent/probe/macros.js';
import { type TestContext, temporaryFolder, testContext } from '../helpers/agentContext.js';

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

type Changes = Partial<Pick<Phase, 'run' | 'hold' | 'undo'>>;

/** Two phases, the second of which holds the node up until the agent is told to stop. */
function phases(events: string[], changes: Changes = {}): Phase[] {
  const quiet = { summary: '', plan: async () => [] };
  return [
    { ...quiet, name: 'first', run: async () => void events.push('first'), undo: async (_, scope) => void events.push(`undo first ${scope}`) },
    {
      ...quiet,
      name: 'second',
      run: async () => void events.push('second'),
      hold: async ({ stop }) => void (stop.aborted || (await once(stop, 'abort'))),
      undo: async (_, scope) => void events.push(`undo second ${scope}`),
      ...changes,
    },
  ];
}

const UNDONE = ['first', 'second', 'undo second all', 'undo first all'];
const KEPT = ['first', 'second'];

function context(t: { teardown(work: () => unknown): void }, inPod: boolean, options: Partial<TestContext['options']> = {}): TestContext {
  const real = testContext(temporaryFolder(t)).sys;
  return testContext(temporaryFolder(t), { options, sys: { stat: async (file) => (file === TOKEN ? (inPod ? { kind: 'file', size: 1, modifiedMs: 0 } : undefined) : real.stat(file)) } });
}

const stops: readonly (readonly [string, 'auto' | 'keep' | 'cleanup', boolean, readonly string[]])[] = [
  ['by hand', 'auto', false, UNDONE],
  ['in a pod', 'auto', true, KEPT],
  ['told to keep', 'keep', false, KEPT],
  ['told to clean up in a pod', 'cleanup', true, UNDONE],
];

t.test('what a stop does', async (t) => {
  for (const [name, onStop, inPod, expected] of stops) {
    const events: string[] = [];
    const ctx = context(t, inPod, { onStop });
    const code = run(ctx, phases(events));
    ctx.abort();
    const late = await code;
    t.equal(late, 143, `${name}: before the node was up`);

    const up = context(t, inPod, { onStop });
    const seen: string[] = [];
    t.equal(await run(up, phases(seen, { hold: async () => up.abort() })), 0, `${name}: after it was up`);
    t.same(seen, expected, name);
    if (expected === KEPT) t.match(up.lines.map((line) => line.msg).join('\n'), onStop === 'auto' ? /restarted or removed is not known/ : /--on-stop=keep/);
  }
});

t.test('a failed start is undone, whatever --on-stop says, and ends with the code of its class', async (t) => {
  const events: string[] = [];
  const refuse = (): Promise<never> => Promise.reject(new KmeshError('KM_DAEMON_PORT', 'taken'));
  t.equal(await run(context(t, true, { onStop: 'keep' }), phases(events, { run: refuse })), 15);
  t.same(events, ['first', 'undo second run', 'undo first run'], 'only what this run did');
});

t.test('a daemon that ended for good passes its code on, and the node leaves the mesh', async (t) => {
  const events: string[] = [];
  const die = (): Promise<never> => Promise.reject(new KmeshError('KM_DAEMON_EXITED', 'exit 4', { exitCode: 4 }));
  t.equal(await run(context(t, false), phases(events, { hold: die })), 4);
  t.same(events, UNDONE);
});

t.test('an undo that fails shows in the exit code', async (t) => {
  const stuck = (): Promise<never> => Promise.reject(new KmeshError('KM_UNMOUNT_FAILED', 'busy'));
  const ctx = context(t, false);
  t.equal(await run(ctx, phases([], { undo: stuck, hold: async () => ctx.abort() })), 14);
});

t.test('what --require names and only the daemon knows is asked when all is up', async (t) => {
  const helpers = mergeHelpers(undefined, { source: 'btf', name: 'BTF', helpers: new Map(L4_HELPERS.map((name, i) => [name, i + 1])) });
  const kernel = kernelFacts({ release: '6.1.0', architecture: 'x86_64' });
  const headerTree = { fact: yes('there'), folder: '/h', compiler: undefined, uioHeader: undefined, moduleSymvers: undefined };
  const up = (ctx: TestContext, l7: string): TestContext => {
    Object.assign(ctx.results, { kernel, helpers, macros: decideMacros(kernel, helpers, undefined, yes(''), yes('')), moduleState: yes('kmesh.ko is in'), requestPrograms: no(l7) });
    ctx.results.kernelFiles = { configText: undefined, headerTree, libbpfVersion: undefined, memoryEventFiles: [] };
    return ctx;
  };
  const events: string[] = [];
  const strict = up(context(t, true, { require: ['l7-http'] }), 'its tracepoint is not attached');
  t.equal(await run(strict, phases(events, { hold: async () => strict.abort() })), 17);
  t.same(events, ['first', 'second', 'undo second run', 'undo first run']);
  t.match(strict.lines.find((line) => line['error'] !== undefined)?.['error'], { code: 'KM_REQUIRED_CAPABILITY', detail: /l7-http is off: .*its tracepoint is not attached/ });
  const lenient = up(context(t, true), 'its tracepoint is not attached');
  t.equal(await run(lenient, phases([], { hold: async () => lenient.abort() })), 0);
  t.match(lenient.lines.find((line) => line['capabilities'] !== undefined)?.['capabilities'], [{ state: 'on' }, {}, { name: 'l7-http', state: 'off', reason: /its tracepoint is not attached/ }]);
});

t.test('--until leaves what was done', async (t) => {
  const events: string[] = [];
  const ctx = context(t, false, { until: 'first' });
  t.equal(await run(ctx, phases(events)), 0);
  t.same(events, ['first']);
  t.match(ctx.lines.at(-1)?.msg, /cleanup` removes it/);
});

t.test('who may not mount is told what is missing', async (t) => {
  const { sys } = testContext(temporaryFolder(t));
  await t.rejects(requirePrivileges({ ...sys, effectiveUid: 1000 }), { code: 'KM_PRIVILEGES', exitCode: 16, detail: /user id 1000/ });
  const status = (bits: string): Promise<string> => Promise.resolve(`Name:\tnode\nCapEff:\t${bits}\n`);
  await t.rejects(requirePrivileges({ ...sys, effectiveUid: 0, readText: () => status('00000000a80425fb') }), { message: /lacks CAP_SYS_ADMIN$/ }, 'the default of a container');
  await t.resolves(requirePrivileges({ ...sys, effectiveUid: 0, readText: () => status('000001ffffffffff') }));
});
