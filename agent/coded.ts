// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure } from './context.js';
import { asKmeshError, KmeshError } from './errors.js';
import { ProbeError } from './probe/probeError.js';

/**
 * Any thrown value as a coded error. What a phase did not code itself and what is no bug either: the system refused a file
 * (a failing disk, a file that vanished), or a file of the system says nothing that can be understood.
 */
export function codedError(ctx: Context, thrown: unknown): KmeshError {
  if (thrown instanceof KmeshError) return thrown;
  if (thrown instanceof ProbeError) return failure(ctx, 'KM_INPUT_FILE', thrown.message, { cause: thrown });
  const { code, path: file } = thrown instanceof Error ? (thrown as NodeJS.ErrnoException) : {};
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return asKmeshError(thrown);
  const inState = typeof file === 'string' && !path.relative(ctx.options.stateDir, file).startsWith('..');
  return failure(ctx, inState ? 'KM_STATE_DIR' : 'KM_INPUT_FILE', (thrown as Error).message, { cause: thrown });
}
