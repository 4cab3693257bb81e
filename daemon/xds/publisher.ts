// SPDX-License-Identifier: Apache-2.0
import type { DaemonErrorCode } from '../errors.js';
import { lastOnly } from '../model/memory.js';
import type { Resources } from '../model/resources.js';
import { inSlices } from '../slices.js';
import { describeRejections, type Answer, type Rejection, type Validators } from './answer.js';
import { HostResolver } from './dns.js';
import type { FolderContents } from './folder.js';
import { RESOURCE_KINDS, perKind, type ResourceKind } from './kinds.js';
import type { Lookup } from './lookup.js';
import { Progress, WILDCARD } from './progress.js';
import type { Clock, Nack, XdsCallbacks, XdsStatus } from './source.js';
import { ResourceStore, type DependentKind, type OpenedAnswer, type Wanted } from './store.js';
import { warmed } from './warming.js';

/** NACKs that are remembered of each type. */
const MOST_NACKS = 5;
const MOST_NOTES = 100;
/** Files that cannot be read, as far as one line of text goes. */
const MOST_ERRORS = 10;
/** How long a change is held together while a part of it is waited for. Then the parts that are whole come into force. */
const HOLD_MS = 1000;

const NO_NAMES: readonly string[] = [];
const namesOf = (wanted: Wanted): readonly string[] => [...wanted.keys()];

/** What a publisher needs of the world. */
export interface Outside {
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly lookup: Lookup;
}

/** Everything that control planes and files have in common: holds the resources, resolves host names, tells the rest of the daemon. */
export class Publisher {
  readonly #callbacks: XdsCallbacks;
  readonly #store: ResourceStore;
  readonly #progress: Progress;
  readonly #resolver: HostResolver;
  readonly #nacks: Record<ResourceKind, readonly Nack[]> = perKind(() => []);
  readonly #counts = perKind(() => ({ pushes: 0, rejects: 0 }));
  /** Why the newest answer of a type was rejected in part. */
  readonly #refusing: Record<ResourceKind, string | undefined> = perKind(() => undefined);
  #connected = false;
  #trouble: { readonly code: DaemonErrorCode; readonly reason: string } | undefined;
  #lastPushAt: Date | undefined;
  #notes: readonly string[] = [];
  #stopped = false;
  readonly #clock: Clock;
  /** The same list as long as the same is wanted: every acknowledgement of state-of-the-world discovery asks for it. */
  readonly #names = { endpoints: lastOnly(namesOf), routes: lastOnly(namesOf) };
  /** What came into force last; undefined before everything had come once. */
  #last: Resources | undefined;
  #cancelHold: (() => void) | undefined;
  #overdue = false;

  constructor(callbacks: XdsCallbacks, validators: Validators, { clock, random, lookup }: Outside) {
    this.#callbacks = callbacks;
    this.#clock = clock;
    this.#store = new ResourceStore(validators);
    this.#progress = new Progress(clock, () => this.#publish());
    this.#resolver = new HostResolver(lookup, clock, random, () => {
      this.#progress.answer('hosts', (name) => this.#resolver.answered(name));
      this.#publish();
    });
  }

  /** Names to ask for; clusters and listeners are asked for without names. */
  names(kind: ResourceKind): readonly string[] {
    return kind === 'endpoints' || kind === 'routes' ? this.#names[kind](this.#store.wanted(kind)) : NO_NAMES;
  }

  /** Versions of what is held, for incremental discovery. */
  versions(kind: ResourceKind): ReadonlyMap<string, string> {
    return this.#store.versions(kind);
  }

  /** A stream was opened; whether anybody answers is not known yet. */
  opened(): void {
    this.#progress.open();
  }

  /** A stream is open and the control plane has nothing new to say. */
  quiet(): void {
    this.#connected = true;
    this.#trouble = this.#refusal();
    this.#tell();
  }

  /** Something stands in the way of resources; those that are held stay in force. */
  failed(code: DaemonErrorCode, reason: string): void {
    this.#connected = false;
    this.#trouble = { code, reason };
    this.#progress.close();
    this.#tell();
  }

  /** Something is wrong that takes nothing away: the stream that is open goes on. */
  warn(code: DaemonErrorCode, reason: string): void {
    this.#trouble = { code, reason };
    this.#tell();
  }

  /** Opens an answer of a control plane, in slices; nothing changes by it. */
  open(answer: Answer): Promise<OpenedAnswer> {
    return inSlices(this.#store.open(answer));
  }

  /** Takes an answer that was opened. @returns why parts of it were rejected; undefined when all is well. */
  pushed(opened: OpenedAnswer): string | undefined {
    const { kind, version } = opened.answer;
    this.#connected = true;
    const { rejected } = this.#store.take(opened);
    const reason = this.#judge(kind, version, rejected);
    this.#advance(kind);
    this.#trouble = this.#refusal();
    this.#publish();
    return reason;
  }

  /**
   * Takes all that files say.
   *
   * @param where the path that they were read from.
   */
  async loaded(where: string, { resources, notes, errors, readable }: FolderContents): Promise<void> {
    const outcomes = await inSlices(this.#store.load(resources));
    if (this.#stopped) return;
    this.#connected = errors.length === 0;
    this.#notes = notes.slice(0, MOST_NOTES);
    for (const kind of RESOURCE_KINDS) this.#judge(kind, where, outcomes[kind].rejected);
    if (readable !== 'none') this.#progress.loaded(readable === 'all');
    this.#resolve();
    this.#progress.open();
    this.#trouble = errors.length === 0 ? this.#refusal() : { code: 'KM_XDS_FILE', reason: errors.slice(0, MOST_ERRORS).join('; ') };
    this.#publish();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelHold?.();
    this.#progress.close();
    this.#resolver.stop();
  }

  get status(): XdsStatus {
    return {
      connected: this.#connected,
      code: this.#trouble?.code,
      reason: this.#trouble?.reason,
      lastPushAt: this.#lastPushAt,
      counts: structuredClone(this.#counts),
      nacks: RESOURCE_KINDS.flatMap((kind) => this.#nacks[kind]),
      notes: this.#notes,
      complete: this.#progress.complete,
      settled: this.#progress.settled,
    };
  }

  /** What is waited for after an answer. */
  #advance(kind: ResourceKind): void {
    if (kind === 'endpoints' || kind === 'routes') {
      this.#progress.answer(kind, (name) => this.#store.answered(kind, name));
      return;
    }
    const dependent: DependentKind = kind === 'clusters' ? 'endpoints' : 'routes';
    // First what the answer asks for, then that it came: nothing is complete in between.
    this.#progress.expect(dependent, this.#unanswered(dependent));
    if (kind === 'clusters') this.#resolve();
    this.#progress.answer(kind, (name) => name === WILDCARD);
  }

  #unanswered(kind: DependentKind): Wanted {
    return new Map([...this.#store.wanted(kind)].filter(([name]) => !this.#store.answered(kind, name)));
  }

  #resolve(): void {
    const { hosts } = this.#store;
    this.#resolver.setHosts(hosts);
    this.#progress.expect('hosts', new Map([...hosts.keys()].filter((name) => !this.#resolver.answered(name)).map((name) => [name, undefined])));
  }

  #judge(kind: ResourceKind, version: string, rejected: readonly Rejection[]): string | undefined {
    this.#lastPushAt = new Date();
    this.#counts[kind].pushes += 1;
    this.#refusing[kind] = undefined;
    if (rejected.length === 0) return undefined;
    this.#counts[kind].rejects += 1;
    const reason = describeRejections(kind, rejected);
    this.#refusing[kind] = reason;
    this.#nacks[kind] = [...this.#nacks[kind], { kind, version, reason, at: this.#lastPushAt }].slice(-MOST_NACKS);
    return reason;
  }

  /** Rejections last until a later answer of their type is without any. */
  #refusal(): { code: DaemonErrorCode; reason: string } | undefined {
    const reasons = RESOURCE_KINDS.flatMap((kind) => this.#refusing[kind] ?? []);
    return reasons.length === 0 ? undefined : { code: 'KM_XDS_REJECTED', reason: reasons.join('; ') };
  }

  #publish(): void {
    if (this.#stopped) return;
    const { complete, settled, lastPushAt } = this.status;
    this.#hold(settled);
    const now = { ...this.#store.snapshot(), resolved: this.#resolver.addresses };
    const usable = settled || this.#overdue;
    const resources = this.#overdue ? warmed(now, this.#parents(), this.#last!, (topic, name) => this.#progress.waits(topic, name)) : now;
    if (usable) this.#last = resources;
    this.#callbacks.onResources(resources, { complete, settled, usable, lastPushAt });
    this.#tell();
  }

  /** A change that is not whole for long must not hold back those that are. The first configuration is waited for as a whole. */
  #hold(settled: boolean): void {
    if (settled) {
      this.#cancelHold?.();
      this.#cancelHold = undefined;
      this.#overdue = false;
    } else if (this.#last) {
      this.#cancelHold ??= this.#clock.after(HOLD_MS, () => {
        this.#overdue = true;
        this.#publish();
      });
    }
  }

  #parents() {
    return { clusters: this.#store.entries('clusters'), listeners: this.#store.entries('listeners') };
  }

  #tell(): void {
    if (!this.#stopped) this.#callbacks.onStatus(this.status);
  }
}
