// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import type { Applied } from './applied.js';
import { automataFindRoom } from './diff/fill.js';
import { createImage, planInSlices, type Image } from './diff/plan.js';
import { afterBarrier, inOrder, type MapContents, type PlannedOperation } from './diff/operations.js';
import type { Logger } from './log.js';
import type { DataplaneError } from './maps/errors.js';
import { createSlicedBuilder } from './model/build.js';
import type { Ejections } from './model/outliers.js';
import type { Resources } from './model/resources.js';
import type { MeshModel, NotEnforced } from './model/types.js';
import { Retry } from './retry.js';
import { isLess, isMapFull, keptWithin, leastWithin } from './room.js';
import { inSlices } from './slices.js';
import { withoutUnanswered } from './unanswered.js';
import { warningsOf } from './warnings.js';
import { systemClock, type Clock, type Complete } from './xds/source.js';

/** The part of the data plane that the applier needs. */
export interface MapWriter {
  read(): MapContents;
  apply(operations: Iterable<PlannedOperation>): Promise<void>;
  /** Automata that the maps take. */
  readonly mostAutomata: number;
}

/** What earlier processes left in the maps. */
export interface Inherited {
  readonly contents: MapContents;
  /** false: programs with the maps of another layout are in force; these maps share with theirs the sockets, counters and names alone. */
  readonly whole: boolean;
}

interface Submission {
  readonly resources: Resources;
  readonly complete: Complete;
}

/**
 * After a change was applied, the next waits as long as that one took, and no longer than this in milliseconds: what comes
 * meanwhile is taken together, so that a flood of pushes costs half a processor at most. A change that comes alone does not wait.
 */
const LONGEST_REST_MS = 250;

/** While a map is full, how often it is tried to add to the maps where nothing went, in milliseconds: a failure costs reading all of them. */
const FULL_RETRY_MS = 60_000;

const all = (c: Complete): boolean => c.listeners && c.routes && c.clusters && c.endpoints;

/**
 * Keeps the maps equal to the newest resources. One change is written at a time, in slices; what arrives meanwhile is
 * taken together.
 */
export class Applier {
  readonly #maps: MapWriter;
  readonly #log: Logger;
  readonly #onApplied: (applied: Applied) => void | Promise<void>;
  readonly #build = createSlicedBuilder();
  #image: Image;
  /** Of the plan that is in force, what is still to be removed. */
  #removed: readonly PlannedOperation[] = [];
  #next: Submission | undefined;
  /** The newest that came. */
  #last: Submission | undefined;
  #ejections: Ejections = new Map();
  /** What was left when the next turn of these resources was decided. */
  #turns: { readonly resources: Resources; readonly left: number } | undefined;
  #running: Promise<void> | undefined;
  readonly #retry: Retry;
  #warned = new Set<string>();
  /** Programs with other maps use the same counters and names. */
  #sharing: boolean;
  #applied: Applied;
  /** A map was full: which one, when to try again, and whether there is less in the maps than there was then. */
  #full: { readonly error: DataplaneError; readonly retryAt: number; readonly less: boolean } | undefined;

  /**
   * @param inherited undefined when all maps are new.
   * @param onApplied called after each configuration that was written; has the programs with these maps in force when it returns.
   */
  constructor(maps: MapWriter, inherited: Inherited | undefined, log: Logger, onApplied: (applied: Applied) => void | Promise<void>, clock: Clock = systemClock) {
    this.#maps = maps;
    this.#retry = new Retry(clock, () => this.#again());
    this.#log = log;
    this.#onApplied = onApplied;
    this.#image = createImage(inherited?.contents);
    this.#sharing = inherited?.whole === false;
    this.#applied = { model: undefined, resources: undefined, appliedAt: undefined, stale: inherited?.whole === true, error: undefined, operations: 0, durationMs: 0 };
  }

  get applied(): Applied {
    return this.#applied;
  }

  /** The picture of the maps, as far as it is known. */
  get image(): Image {
    return this.#image;
  }

  submit(resources: Resources, complete: Complete): void {
    this.#last = { resources, complete };
    this.#next = this.#last;
    this.#retry.begin();
    this.#running ??= this.#run();
  }

  /** Endpoints that are left out from now on, until the next call. */
  eject(ejections: Ejections): void {
    this.#ejections = ejections;
    this.#again();
  }

  #again(): void {
    if (this.#last) this.submit(this.#last.resources, this.#last.complete);
  }

  /** What failed is not tried again any more. Resolves when nothing is being written. */
  async stop(): Promise<void> {
    this.#retry.stop();
    await this.idle();
  }

  /** Resolves when nothing is being written, if only because it failed and is tried again later. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#next) {
        const submission = this.#next;
        this.#next = undefined;
        const began = performance.now();
        const done = await this.#apply(submission);
        const written = performance.now();
        const cleared = done && (await this.#clear(submission.complete));
        if (done && this.#hasMoreToDo(submission)) this.#next ??= submission;
        if (cleared) this.#retry.succeeded();
        else if (!this.#next) this.#retry.failed();
        const rested = performance.now() - written;
        await sleep(Math.max(0, Math.min(written - began, LONGEST_REST_MS) - rested));
      }
    } finally {
      this.#running = undefined;
    }
  }

  /** Whether the same resources would be written further now. Where a map is full, expressions are not tried for: it may be the one that their steps need. */
  #hasMoreToDo(submission: Submission): boolean {
    if (this.#full) return this.#hasRoomNow();
    const findRoom = this.#applied.operations > 0 && automataFindRoom(this.#image, this.#maps.mostAutomata);
    return findRoom || this.#hasAnotherTurn(submission);
  }

  /** Whether what there was no room for may have some, since something went: a push that replaces services may be the last for long. */
  #hasRoomNow(): boolean {
    if (!this.#full?.less) return false;
    this.#full = { ...this.#full, less: false, retryAt: 0 };
    return true;
  }

  /**
   * Whether the same resources, read again, have more of their regular expressions. While there are fewer left each time: of more than are remembered
   * (daemon/model/routing/regex/compile.ts) some would be left for ever.
   */
  #hasAnotherTurn({ resources }: Submission): boolean {
    const left = this.#applied.model?.expressionsLeft ?? 0;
    const before = this.#turns?.resources === resources ? this.#turns.left : Infinity;
    this.#turns = left > 0 ? { resources, left } : undefined;
    return left > 0 && left < before;
  }

  /** @returns whether it could be written. */
  async #apply(submission: Submission): Promise<boolean> {
    const { resources, complete } = submission;
    const started = performance.now();
    const before = this.#applied.model;
    try {
      const usable = this.#applied.stale ? withoutUnanswered(resources, complete, before) : resources;
      const model = await inSlices(this.#build({ ...usable, ejected: this.#ejections }));
      if (!before || !this.#full || this.#full.retryAt <= started) await this.#tryWhole(model, before, submission, started);
      if (before && this.#full) await this.#putWithin(model, before, submission, started);
    } catch (error) {
      this.#failed(error as Error);
      return false;
    }
    this.#report();
    await this.#onApplied(this.#applied);
    return true;
  }

  /**
   * What nothing leads to any more goes when the change is in force: it has to wait for connections that may still be on their way to it.
   *
   * @returns whether it went.
   */
  async #clear(complete: Complete): Promise<boolean> {
    try {
      await this.#remove();
      if (this.#sharing) await this.#sweepShared(this.#applied.model!, complete);
      return true;
    } catch (error) {
      this.#failed(error as Error);
      return false;
    }
  }

  /** A map that is full is no reason to leave what is in force as it is: that can go on changing. */
  async #tryWhole(model: MeshModel, before: MeshModel | undefined, submission: Submission, started: number): Promise<void> {
    this.#full = undefined;
    try {
      await this.#put(model, submission, started);
    } catch (error) {
      if (!before || !isMapFull(error)) throw error;
      this.#failed(error);
      this.#full = { error, retryAt: performance.now() + FULL_RETRY_MS, less: false };
    }
  }

  /** Writes what of the model can be written while a map is full. */
  async #putWithin(model: MeshModel, before: MeshModel, submission: Submission, started: number): Promise<void> {
    const full = this.#full!;
    let within = keptWithin(model, before, full.error);
    let least = false;
    try {
      await this.#put(within, submission, started);
    } catch (error) {
      if (!isMapFull(error)) throw error;
      this.#failed(error);
      within = leastWithin(model, before, full.error);
      least = true;
      await this.#put(within, submission, started);
    }
    this.#full = { ...full, less: isLess(within, before, least) };
  }

  /** Writes the model, which is the one in force then. */
  async #put(model: MeshModel, { resources, complete }: Submission, started: number): Promise<void> {
    const { operations, notEnforced } = await this.#write(model, complete);
    this.#applied = {
      model: notEnforced.length === 0 ? model : { ...model, notEnforced: [...model.notEnforced, ...notEnforced] },
      resources,
      appliedAt: new Date(),
      stale: this.#applied.stale && !all(complete),
      error: this.#full?.error,
      operations,
      durationMs: performance.now() - started,
    };
  }

  /** @returns number of operations, and what a map has no room for */
  async #write(model: MeshModel, complete: Complete): Promise<{ operations: number; notEnforced: readonly NotEnforced[] }> {
    const { stale } = this.#applied;
    const work = planInSlices(this.#image, model, {
      mostAutomata: this.#maps.mostAutomata,
      sweep: { frontends: !stale || (complete.listeners && complete.routes), clusters: !stale || (complete.clusters && complete.endpoints), shared: !this.#sharing },
    });
    const { written, removed, count, image, notEnforced } = await inSlices(work);
    await this.#maps.apply(inOrder(written));
    this.#image = image;
    this.#removed = removed;
    return { operations: count, notEnforced };
  }

  async #remove(): Promise<void> {
    const removed = this.#removed;
    this.#removed = [];
    if (removed.length > 0) await this.#maps.apply(afterBarrier(removed));
  }

  /** The programs of the other layout are gone: what only they used goes, too. */
  async #sweepShared(model: MeshModel, complete: Complete): Promise<void> {
    this.#sharing = false;
    await this.#write(model, complete);
    await this.#remove();
  }

  /** The maps hold a part of the change: read back what is true, and keep serving it. */
  #failed(error: Error): void {
    if (this.#retry.isNews(error)) this.#log.error({ err: error }, 'the configuration could not be written; what was written before stays in force, and it is tried again');
    this.#image = createImage(this.#maps.read());
    this.#applied = { ...this.#applied, error };
  }

  #report(): void {
    const { model, operations, durationMs, stale } = this.#applied;
    if (!model) return;
    this.#log.info(
      { frontends: model.frontends.size, clusters: model.clusters.size, notEnforced: model.notEnforced.length, operations, ms: Math.round(durationMs), stale },
      `configuration applied: ${model.frontends.size} frontends, ${model.clusters.size} clusters, ${operations} map operations, ${Math.round(durationMs)} ms`,
    );
    this.#warnOnce(model);
  }

  /** Not once a push: operators read these. */
  #warnOnce(model: MeshModel): void {
    const warnings = warningsOf(model);
    for (const warning of warnings) {
      if (!this.#warned.has(warning)) this.#log.warn(warning);
    }
    this.#warned = new Set(warnings);
  }
}
