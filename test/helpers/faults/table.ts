// SPDX-License-Identifier: Apache-2.0
/** Every call of a start, made to go wrong in every way that fits it, and what came of it. */
import { EXIT_CODES } from '../../../agent/errors.js';
import { type Call, type Fault, faultsOf } from './faults.js';
import { cleanUp, type Outcome, start } from './faultyStart.js';
import { changedFiles, type Item } from './memoryFiles.js';
import { STATE, SyntheticNode } from './syntheticNode.js';

export interface Trial {
  readonly start: 'cold' | 'warm';
  readonly call: Call;
  readonly fault: Fault;
  /** Which of the equal calls of this phase. */
  readonly turn: number;
  readonly outcome: Outcome;
  /** What is wrong with the outcome; empty: nothing. */
  readonly complaints: readonly string[];
}

const keyOf = ({ where, name, about }: Call): string => `${where}|${name}|${about}`;

const DOCUMENTED = new Set<number>([0, 3, 128 + 15, ...Object.values(EXIT_CODES)]);

/** Files that stay of a build, and those of it that must not. */
const BUILD = `${STATE}/build`;
const isBuild = (file: string): boolean => (file === STATE || file === BUILD || file.startsWith(`${BUILD}/`)) && !file.includes('.partial');

/** What differs of two states of a node, but for finished builds, the record of who runs and the file of its lock. */
function differences(before: Snapshot, after: Snapshot): string[] {
  return changedFiles(before, after).filter((file) => !isBuild(file) && ![`${STATE}/processes.json`, `${STATE}/agent.lock`].includes(file));
}

type Snapshot = ReadonlyMap<string, Item>;

interface Scenario {
  readonly name: Trial['start'];
  /** As it is before the start. */
  readonly node: SyntheticNode;
  readonly pristine: Snapshot;
  readonly good: Outcome;
  readonly calls: ReadonlyMap<string, { readonly call: Call; readonly count: number }>;
}

async function scenario(name: Trial['start'], node: SyntheticNode, pristine: Snapshot): Promise<Scenario> {
  const calls = new Map<string, { call: Call; count: number }>();
  const good = await start(node.copy(), (call) => {
    calls.set(keyOf(call), { call, count: (calls.get(keyOf(call))?.count ?? 0) + 1 });
    return undefined;
  });
  return { name, node, pristine, good, calls };
}

/** A node as it comes, and one that an earlier run left working. */
export async function scenarios(): Promise<readonly Scenario[]> {
  const fresh = SyntheticNode.fresh();
  const pristine = fresh.files.snapshot();
  const used = fresh.copy();
  await start(used, () => undefined, 'keep');
  return [await scenario('cold', fresh, pristine), await scenario('warm', used.copy(), pristine)];
}

export async function tryAll(all: readonly Scenario[]): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const one of all) {
    for (const { call, count } of one.calls.values()) {
      for (const fault of faultsOf(call)) {
        for (const turn of count > 1 ? [1, 2] : [1]) trials.push(await attempt(one, call, fault, turn));
      }
    }
  }
  return trials;
}

/** Makes one call go wrong, once: what vanishes, for example, is there again when it is asked for the next time. */
async function attempt(scene: Scenario, call: Call, fault: Fault, turn: number): Promise<Trial> {
  const node = scene.node.copy();
  const key = keyOf(call);
  let met = 0;
  const outcome = await start(node, (now) => (keyOf(now) === key && (met += 1) === turn ? fault : undefined));
  const complaints = [...wrongWith(scene, outcome), ...(await leftOf(scene, node, outcome, call, fault))];
  return { start: scene.name, call, fault, turn, outcome, complaints };
}

function wrongWith({ name, good }: Scenario, { exit, codes, ready, off, moduleThen }: Outcome): string[] {
  const complaints: string[] = [];
  if (codes.includes('KM_INTERNAL') || exit === 1) complaints.push('a bug of the agent');
  if (!DOCUMENTED.has(exit)) complaints.push(`exit ${exit} is not documented`);
  if (exit !== 0 && exit !== 143 && codes.length === 0) complaints.push('no code is told');
  if (exit === 0 && !ready) complaints.push('exit 0, though the node never was in the mesh');
  // A module that an earlier run left working goes on where this start could not see to it: more than the table promises.
  const atLeast = name === 'warm' && moduleThen;
  if (ready && !atLeast && moduleThen === off.has('l7-http')) complaints.push(`the table says that l7-http is ${off.has('l7-http') ? 'off' : 'on'}, the module is ${moduleThen ? '' : 'not '}there`);
  if (ready && [...off.keys()].some((name) => !good.off.has(name) && name !== 'l7-http' && name !== 'l4-ipv6')) complaints.push('a capability is off that no phase serves');
  return complaints;
}

/** Whether a call loses the record of what an earlier run mounted: then nothing proves that it is ours, and it stays. */
const losesRecord = ({ name, about }: Call, fault: Fault): boolean => name === 'readText' && about === `${STATE}/owned.json` && (fault === 'ENOENT' || fault === 'garbage');

/** What is there that should not be, or the other way round. */
async function leftOf(scene: Scenario, node: SyntheticNode, outcome: Outcome, call: Call, fault: Fault): Promise<string[]> {
  const lost = scene.name === 'warm' && losesRecord(call, fault);
  const complaints: string[] = [];
  if (node.daemon !== undefined) complaints.push('kmesh-daemon runs');
  if (node.servers > 0) complaints.push('ports are served');
  for (const [file, held] of node.files.locks) if (held !== 0 && !file.endsWith('use.lock')) complaints.push(`${file} is locked`);
  // What could not be removed is told, and swept by the next build.
  const swept = call.name === 'removeTree' && call.about.includes('.partial');
  const partial = [...node.files.items.keys()].filter((file) => !swept && /partial/.test(file));
  // A node that was up takes all with it; a start that failed takes back what it did.
  const expected = outcome.ready ? scene.pristine : scene.node.files.snapshot();
  if (!outcome.undoFailed && !outcome.kept && !lost) complaints.push(...differences(expected, node.files.snapshot()).filter((file) => !swept || !file.includes('.partial')).map((file) => `${file} is other than before`), ...partial.map((file) => `${file} is left`));
  if (differences(scene.pristine, node.files.snapshot()).length === 0 && !outcome.undoFailed) return complaints;
  const later = node.copy();
  const exit = await cleanUp(later);
  const rest = lost ? [] : differences(scene.pristine, later.files.snapshot());
  if (exit !== 0) complaints.push(`cleanup ends with ${exit}`);
  return [...complaints, ...rest.map((file) => `${file} is there even after cleanup`)];
}

