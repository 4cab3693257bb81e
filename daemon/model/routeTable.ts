// SPDX-License-Identifier: Apache-2.0
import type { Automaton } from './routing/regex/automaton.js';
import type { Target } from './target.js';

/**
 * A route table as the connect hook walks it: virtual hosts are found by the request's host, and each has a small
 * program of steps that chooses the target. Steps mirror `struct km_step` of bpf/include/kmesh/layout.h.
 */
export interface RouteTable {
  /** Name of the RouteConfiguration, or `LISTENER PATH` for one that stands inside a listener. */
  readonly name: string;
  /** `ignore_port_in_host_matching`: hosts are compared without their port. */
  readonly ignorePort: boolean;
  readonly virtualHosts: readonly RoutedHost[];
}

export interface RoutedHost {
  readonly name: string;
  readonly domains: readonly HostDomain[];
  /** Shared by identity as long as the virtual host does not change. */
  readonly program: RouteProgram;
}

/** Lower case. `suffix` is `*TEXT`, `prefix` is `TEXT*`, where `*` stands for one character or more; `any` is `*`. */
export interface HostDomain {
  readonly kind: 'exact' | 'suffix' | 'prefix' | 'any';
  /** At most 248 bytes (KM_HOST_MAX); empty for `any`. */
  readonly text: string;
}

/** Begins at step 0. Jumps go forward only, so that every walk ends; the last step ends the walk. */
export interface RouteProgram {
  /** They may be made anew each time. */
  readonly steps: readonly RouteStep[];
}

export type RequestField = 'method' | 'path' | 'full_path' | 'authority' | 'scheme';

/** Where the walk goes on: indexes of steps. */
interface Jumps {
  readonly then: number;
  readonly otherwise: number;
}

/** At most this many bytes in one step (KM_STEP_DATA). A longer text is compared by several steps. */
export const STEP_BYTES = 48;

/** Most steps of one walk (KM_WALK_ROUNDS); a walk that is longer ends in the default decision. */
export const MAX_WALK = 4096;

export type RouteStep =
  /** Makes a part of the request the current text; `otherwise` when the request has none. */
  | (Jumps & { readonly op: 'field'; readonly field: RequestField })
  /** The same for a header by its lower case name, or a query parameter; names have at most STEP_BYTES bytes. */
  | (Jumps & { readonly op: 'header' | 'param'; readonly name: string })
  /** Makes the empty text the current one; `then` always. */
  | (Jumps & { readonly op: 'empty' })
  /**
   * The text has these bytes, `offset` bytes after its start, or, with `fromEnd`, beginning `offset` bytes before its end.
   * Too short: `otherwise`. With `ignoreCase` the bytes are in lower case, and ASCII letters of the text count as if they were.
   */
  | (Jumps & { readonly op: 'compare'; readonly bytes: Buffer; readonly offset: number; readonly fromEnd: boolean; readonly ignoreCase: boolean })
  | (Jumps & { readonly op: 'length'; readonly is: 'exactly' | 'at_least'; readonly bytes: number })
  | (Jumps & { readonly op: 'contains'; readonly bytes: Buffer; readonly ignoreCase: boolean })
  /** The text is a decimal integer n with start <= n < end (Envoy's range_match). */
  | (Jumps & { readonly op: 'range'; readonly start: bigint; readonly end: bigint })
  /** An expression matches the text as a whole. `unsure` is where the walk goes when the maps have no room for the automaton. */
  | (Jumps & { readonly op: 'automaton'; readonly automaton: Automaton; readonly regex: string; readonly unsure: number })
  /** Ends the walk: a route applies. */
  | { readonly op: 'target'; readonly target: Target }
  /** Ends the walk: the address's default decision applies, because no route matches or because nobody knows whether one does. */
  | { readonly op: 'default'; readonly why: 'no_route' | 'undecidable' };
