// SPDX-License-Identifier: Apache-2.0
import type { RouteProgram, RouteStep } from '../model/routeTable.js';
import type { AutomatonTable } from './automata.js';
import { clustersOf } from './frontends.js';
import type { IdAllocator } from './ids.js';
import type { ProgramImage, Table } from './image.js';
import { storedName } from './names.js';
import type { SplitKey, SplitRecord, StepRecord, TargetRecord } from './operations.js';
import { REASON_NUMBER } from './reasons.js';
import type { Schedule } from './schedule.js';
import { planSplit, removeSplit, sameSplit, splitRecords, withoutClusters, type ClusterIds } from './splits.js';
import { AdoptedSteps, hasIds, WrittenSteps } from './stepTable.js';

/** What is needed to plan programs: the ids that the clusters have now, and which of them are others than before. */
export interface ProgramWork {
  readonly schedule: Schedule;
  readonly ids: IdAllocator;
  readonly automata: AutomatonTable;
  readonly clusterIds: ClusterIds;
  /** Stored names of clusters that came or went. */
  readonly renumbered: ReadonlySet<string>;
}

/**
 * Plans a program that is new (`before` undefined) or may have changed. The steps of a program are never rewritten,
 * since a walk may be anywhere between two of them: a program of other steps is another program.
 *
 * @param inPlace whether the weights of its splits may change in place.
 */
export function planProgram(work: ProgramWork, before: ProgramImage | undefined, program: RouteProgram, inPlace: boolean): ProgramImage {
  if (before && isCurrent(before, program, work)) return before;
  const { steps } = program;
  const targets = splitsOf(steps, work.clusterIds);
  const clusters = [...new Set(steps.flatMap((step) => (step.op === 'target' ? clustersOf(step.target).map(storedName) : [])))];
  const held = before?.steps.list();
  if (before && held && sameSteps(before, held, steps, targets, work)) {
    const changed = changedSlots(before, held, targets);
    if (inPlace || changed.length === 0) {
      for (const [key, slot] of changed) work.schedule.split(key, slot);
      const same = new WrittenSteps(program, ownSteps(steps, (_, index) => held[index]!), steps.length);
      return { ...before, steps: same, splits: heldSplits(held, targets), clusters, roomless: roomless(steps, work.automata), source: program };
    }
  }
  return writeProgram(work, program, steps, targets, clusters);
}

type Targets = ReadonlyMap<number, readonly SplitRecord[]>;

function writeProgram(work: ProgramWork, program: RouteProgram, steps: readonly RouteStep[], targets: Targets, clusters: readonly string[]): ProgramImage {
  const id = work.ids.take('program');
  const splits = new Map<number, Table<SplitRecord>>();
  const own = ownSteps(steps, (step, index): StepRecord => {
    if (step.op === 'automaton') return automatonRecord(step, work.automata.take(step.automaton));
    const slots = targets.get(index);
    const split = slots && planSplit((key, value) => work.schedule.split(key, value), work.ids, undefined, slots);
    if (split) splits.set(split.id, split.slots);
    return { op: 'target', ...targetRecord(step, split?.id ?? 0, slots?.length ?? 0, work.clusterIds) };
  });
  const written = new WrittenSteps(program, own, steps.length);
  work.schedule.program(id, written);
  return { id, steps: written, splits: splits.size === 0 ? NO_SPLITS : splits, clusters, roomless: roomless(steps, work.automata), source: program };
}

/** What stands for the steps that have ids in them. */
const ownSteps = (steps: readonly RouteStep[], record: (step: StepWithIds, index: number) => StepRecord): StepRecord[] =>
  steps.flatMap((step, index) => (hasIds(step) ? [record(step, index)] : []));

/** Most programs have none, and there are thousands of them. */
const NO_SPLITS: ProgramImage['splits'] = new Map();

export function removeProgram({ schedule, automata }: Pick<ProgramWork, 'schedule' | 'automata'>, { id, steps, splits }: ProgramImage): void {
  schedule.removeProgram(id, steps);
  for (const step of steps.list()) if (step.op === 'automaton') automata.leave(step.automaton);
  for (const [splitId, slots] of splits) removeSplit(schedule, { id: splitId, slots });
}

/** Plans that a program whose route table stays as it is leads to no cluster that goes: it refuses as unknown instead. */
export function programWithoutClusters({ schedule, ids, automata }: ProgramWork, before: ProgramImage, gone: ReadonlySet<number>): ProgramImage {
  const splits = new Map([...before.splits].map(([id, slots]) => [id, withoutClusters(slots, gone)]));
  for (const [splitId, slots] of splits) {
    slots.forEach((slot, index) => {
      if (slot && !sameSplit(before.splits.get(splitId)![index], slot)) schedule.split({ splitId, index }, slot);
    });
  }
  const leads = (step: StepRecord): step is TargetRecord & { op: 'target' } => step.op === 'target' && step.kind === 'cluster' && gone.has(step.target);
  const held = before.steps.list();
  if (!held.some(leads)) return { ...before, splits };
  const id = ids.take('program');
  const steps = new AdoptedSteps(held.map((step) => (leads(step) ? { ...step, target: 0 } : step)).map((value) => ({ value })));
  schedule.program(id, steps);
  for (const step of held) if (step.op === 'automaton') automata.share(step.automaton);
  removeProgram({ schedule, automata }, { ...before, splits: new Map() });
  return { ...before, id, steps, splits };
}

function isCurrent({ source, clusters, roomless }: ProgramImage, program: RouteProgram, { renumbered, automata }: ProgramWork): boolean {
  if (roomless.length > 0 && automata.hasRoom) return false;
  return source === program && (renumbered.size === 0 || !clusters.some((name) => renumbered.has(name)));
}

/** The slots that the splits of a program are to have, by the step that leads there. */
function splitsOf(steps: readonly RouteStep[], clusterIds: ClusterIds): Map<number, SplitRecord[]> {
  const splits = new Map<number, SplitRecord[]>();
  for (const [index, step] of steps.entries()) {
    if (step.op === 'target' && step.target.kind === 'split') splits.set(index, splitRecords(step.target, clusterIds));
  }
  return splits;
}

type StepWithIds = Extract<RouteStep, { readonly op: 'target' | 'automaton' }>;
type TargetStep = Extract<RouteStep, { readonly op: 'target' }>;

function targetRecord({ target }: TargetStep, splitId: number, n: number, clusterIds: ClusterIds): TargetRecord {
  return {
    kind: target.kind,
    target: target.kind === 'cluster' ? clusterIds(target.cluster) : splitId,
    n,
    reason: target.kind === 'pass' || target.kind === 'refuse' ? REASON_NUMBER[target.reason] : 0,
  };
}

type AutomatonRouteStep = Extract<RouteStep, { readonly op: 'automaton' }>;

/** Without an automaton a step that goes on where nobody can tell, and leaves the current text as it is: every text has no byte or more. */
function automatonRecord({ then, otherwise, unsure }: AutomatonRouteStep, id: number | undefined): StepRecord {
  return id === undefined ? { op: 'length', is: 'at_least', bytes: 0, then: unsure, otherwise: unsure } : { op: 'automaton', then, otherwise, automaton: id };
}

const roomless = (steps: readonly RouteStep[], automata: AutomatonTable): string[] => steps.flatMap((step) => (step.op === 'automaton' && automata.idOf(step.automaton) === undefined ? [step.regex] : []));

type HeldSteps = readonly StepRecord[];

/** Whether the maps hold these steps already, but for the weights of splits. */
function sameSteps(before: ProgramImage, written: HeldSteps, steps: readonly RouteStep[], targets: Targets, { clusterIds, automata }: ProgramWork): boolean {
  return (
    written.length === steps.length &&
    steps.every((step, index) => {
      const held = written[index]!;
      if (step.op === 'automaton') return sameAutomatonStep(held, step, automata);
      if (step.op !== 'target') return sameStep(held, step);
      const slots = targets.get(index);
      if (held.op !== 'target' || (slots && before.splits.get(held.target)?.length !== slots.length)) return false;
      return sameStep(held, { op: 'target', ...targetRecord(step, slots ? held.target : 0, slots?.length ?? 0, clusterIds) });
    })
  );
}

/** One that found no room finds it now, if there is any. */
function sameAutomatonStep(held: StepRecord, step: AutomatonRouteStep, automata: AutomatonTable): boolean {
  const id = automata.idOf(step.automaton);
  return (id !== undefined || !automata.hasRoom) && sameStep(held, automatonRecord(step, id));
}

const splitAt = (held: HeldSteps, index: number): number => (held[index] as TargetRecord).target;

function changedSlots(before: ProgramImage, held: HeldSteps, targets: Targets): [SplitKey, SplitRecord][] {
  return [...targets].flatMap(([step, wanted]) => {
    const splitId = splitAt(held, step);
    const slots = before.splits.get(splitId)!;
    return wanted.flatMap((slot, index): [SplitKey, SplitRecord][] => (sameSplit(slots[index], slot) ? [] : [[{ splitId, index }, slot]]));
  });
}

function heldSplits(held: HeldSteps, targets: Targets): ProgramImage['splits'] {
  return targets.size === 0 ? NO_SPLITS : new Map([...targets].map(([step, slots]) => [splitAt(held, step), slots]));
}

/** Records are flat, and all that is not a number or a text in them is bytes. */
function sameStep(a: StepRecord, b: StepRecord): boolean {
  const [one, other] = [a, b] as unknown as [Record<string, unknown>, Record<string, unknown>];
  return Object.keys(other).every((key) => {
    const value = other[key];
    return value instanceof Buffer ? one[key] instanceof Buffer && value.equals(one[key] as Buffer) : one[key] === value;
  });
}
