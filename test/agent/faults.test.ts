// SPDX-License-Identifier: Apache-2.0
// Faults in every call that a start makes, on a node in memory: whatever goes wrong, the node comes up, or the agent ends with a
// code, and nothing is left behind. docs/faults.md lists them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { SEQUENCE } from '../../agent/sequence.js';
import { projectRoot } from '../helpers/agentContext.js';
import { start } from '../helpers/faults/faultyStart.js';
import { changedFiles } from '../helpers/faults/memoryFiles.js';
import { faultsPage, rowsOf } from '../helpers/faults/page.js';
import { SyntheticNode } from '../helpers/faults/syntheticNode.js';
import { scenarios, tryAll, type Trial } from '../helpers/faults/table.js';

const all = await scenarios();
let trials: readonly Trial[] = [];

t.test('the synthetic node comes up whole, cold and warm, and every phase makes calls', async (t) => {
  for (const { name, good, calls } of all) {
    t.match(good, { exit: 0, codes: [], ready: true, moduleThen: true, undoFailed: false }, name);
    t.notOk(good.off.has('l7-http') || good.off.has('l4-ipv4'), name);
    const places = new Set([...calls.values()].map(({ call }) => call.where));
    t.same(SEQUENCE.filter((phase) => !places.has(phase.name)), []);
    for (const name of ['insert-module', 'mount-filesystems', 'supervise-daemon']) t.ok(places.has(`${name}: undone`), name);
  }
});

t.test('each call goes wrong in turn', async (t) => {
  trials = await tryAll(all);
  const wrong = trials.flatMap(({ start: which, call, fault, turn, outcome, complaints }) => complaints.map((complaint) => `${which}: ${call.where}: ${call.name} ${call.about}, ${fault} (${turn}): exit ${outcome.exit} ${outcome.codes.join(' ')}: ${complaint}`));
  t.same(wrong, []);
  t.ok(trials.length > 1500, `${trials.length} starts`);
  const codes = new Set(trials.flatMap(({ outcome }) => outcome.codes));
  for (const code of ['KM_CLANG_MISSING', 'KM_MODULE_COMPILE', 'KM_MODULE_INIT', 'KM_MOUNT_FAILED', 'KM_UNMOUNT_FAILED', 'KM_DAEMON_START', 'KM_DAEMON_CLEANUP', 'KM_STATUS_PORT', 'KM_STATE_DIR']) t.ok(codes.has(code), code);
});

t.test('the checks bite: an agent that left something behind would be seen', async (t) => {
  const node = SyntheticNode.fresh();
  const before = node.files.snapshot();
  await start(node, () => undefined, 'keep');
  const changed = changedFiles(before, node.files.snapshot());
  for (const file of ['/proc/modules', '/proc/self/mountinfo', '/mnt/kmesh_bpf/bpf_kmesh/links/request', '/var/lib/kmesh/owned.json']) t.ok(changed.includes(file), file);
});

t.test('docs/faults.md says what happens', async (t) => {
  t.equal(readFileSync(path.join(projectRoot, 'docs/faults.md'), 'utf8'), faultsPage(trials), 'npm run docs:faults writes it anew');
  t.ok(rowsOf(trials).length < 150, `${rowsOf(trials).length} rows can be read`);
});
