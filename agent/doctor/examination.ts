// SPDX-License-Identifier: Apache-2.0
import { situationOf } from '../capabilityReport.js';
import { codedError } from '../coded.js';
import { type Context, MissingResult } from '../context.js';
import type { KmeshError } from '../errors.js';
import type { Phase } from '../phase.js';
import { type Fact, unknown } from '../probe/fact.js';
import { mergeHelpers } from '../probe/helperFacts.js';
import type { L7Situation } from '../probe/l7.js';
import { decideMacros } from '../probe/macros.js';
import type { DeniedPlaces } from './watch.js';

/** What the questions may look at. */
export interface Examination {
  readonly ctx: Context;
  /** What the plans of the phases stopped at, by the phase's name. */
  readonly stopped: ReadonlyMap<string, KmeshError>;
  /** Files that exist and were closed to this user. */
  readonly denied: DeniedPlaces;
  /** What the plans warned of, in the words of the log. */
  readonly warnings: readonly string[];
  /** Ask the control plane, too. */
  readonly connect: boolean;
}

/** Has every phase find out what it would do here; none of them keeps the later ones from it. */
export async function examine(ctx: Context, sequence: readonly Phase[], seen: Pick<Examination, 'denied' | 'warnings' | 'connect'>): Promise<Examination> {
  const stopped = new Map<string, KmeshError>();
  for (const phase of sequence) {
    try {
      await phase.plan(ctx);
    } catch (error) {
      // Without a result of an earlier phase: that one has its own line in the report.
      if (!(error instanceof MissingResult)) stopped.set(phase.name, codedError(ctx, error));
      fillIn(ctx);
    }
  }
  return { ctx, stopped, ...seen };
}

/** Where nothing tells of helpers they are unknown, and so is what is decided from them: later phases can still be asked. */
function fillIn({ results }: Context): void {
  const { kernel } = results;
  if (kernel === undefined) return;
  results.helpers ??= mergeHelpers(undefined, undefined);
  results.macros ??= decideMacros(kernel, results.helpers, results.kernelFiles?.libbpfVersion, kernel.iterUbuf, kernel.kfunc);
}

export function situation({ ctx }: Examination, l4Programs: Fact = unknown('not compiled by this command')): Promise<L7Situation> {
  return situationOf(ctx, l4Programs);
}
