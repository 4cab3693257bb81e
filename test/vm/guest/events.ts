// SPDX-License-Identifier: Apache-2.0
/** What the guest tells the host, one JSON object a line. */

export type GuestEvent =
  /** The runner is up. */
  | { readonly event: 'up'; readonly release: string }
  | { readonly event: 'scenario'; readonly name: string }
  | { readonly event: 'check'; readonly scenario: string; readonly name: string; readonly ok: boolean; readonly detail?: string }
  /** Something for the person who watches. */
  | { readonly event: 'note'; readonly text: string }
  /** The host is to take the machine's power away, now. */
  | { readonly event: 'cut' }
  /** Every scenario has ended; without it the run is a failure. */
  | { readonly event: 'end' };
