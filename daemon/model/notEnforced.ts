// SPDX-License-Identifier: Apache-2.0
import { newBudget } from './routing/regex/budget.js';
import type { Budget } from './routing/regex/budget.js';
import type { NotEnforced, ResourceType } from './types.js';

/** More entries of one resource than anyone reads: what is beyond is counted in one. */
const MOST_ENTRIES = 1000;
const MOST_CHARACTERS = 200;
/** Most resources have nothing to list, and there are thousands of them. */
const NOTHING: readonly NotEnforced[] = [];

/** What is found not to be enforced is told to one of these. */
export interface Listing {
  /** What regular expressions may still cost in this push; where nothing is left, they are listed. */
  readonly expressions: Budget;
  /** @param reason one sentence: what is not done and what happens instead. */
  add(feature: string, path: string, reason: string): void;
  /** The same, but one entry a feature and resource, at the first place where it was found. */
  once(feature: string, path: string, reason: string): void;
}

/**
 * Collects what one resource asks for and this node does not do. `once` keeps one entry a feature, at the first
 * place where it was found, so that a retry policy on each of a thousand routes is one line.
 */
export class Findings implements Listing {
  readonly expressions: Budget;
  readonly #type: ResourceType;
  readonly #resource: string;
  #entries: NotEnforced[] | undefined;
  #once: Map<string, { readonly reason: string; readonly paths: Set<string> }> | undefined;
  #beyond = 0;

  constructor(type: ResourceType, resource: string, expressions: Budget = newBudget()) {
    this.expressions = expressions;
    this.#type = type;
    this.#resource = resource;
  }

  add(feature: string, path: string, reason: string): void {
    this.#entries ??= [];
    if (this.#entries.length < MOST_ENTRIES) this.#entries.push(this.#entry(feature, path, reason));
    else this.#beyond += 1;
  }

  once(feature: string, path: string, reason: string): void {
    this.#once ??= new Map();
    const known = this.#once.get(feature);
    if (known) known.paths.add(path);
    else this.#once.set(feature, { reason, paths: new Set([path]) });
  }

  list(): readonly NotEnforced[] {
    if (!this.#entries && !this.#once) return NOTHING;
    const once = [...(this.#once ?? [])].map(([feature, { reason, paths }]) => {
      const [first = ''] = paths;
      return this.#entry(feature, first, paths.size === 1 ? reason : `${reason} (${paths.size} places in this resource)`);
    });
    const beyond = this.#beyond === 0 ? [] : [this.#entry('more', '', `${this.#beyond} more entries of this resource are not shown`)];
    return [...(this.#entries ?? []), ...once, ...beyond];
  }

  #entry(feature: string, path: string, reason: string): NotEnforced {
    return { resourceType: this.#type, resource: this.#resource, path: shown(path), feature, reason: shown(reason) };
  }
}

/** Names come from outside: no control characters and no endless lines in logs. */
function shown(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f]/g, '?');
  return clean.length <= MOST_CHARACTERS ? clean : `${clean.slice(0, MOST_CHARACTERS - 1)}…`;
}
