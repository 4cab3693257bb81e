// SPDX-License-Identifier: Apache-2.0
import { ExecError } from '../exec.js';
import type { Fact } from '../probe/fact.js';
import { type Finding, ok, warning } from './check.js';
import type { DeniedPlaces } from './watch.js';

/** Something that a captured folder does not tell. */
export class NotCaptured extends Error {
  override readonly name = 'NotCaptured';
}

const AS_ROOT = 'Run doctor as root, who may look there.';
const CAPTURE_AGAIN = 'Capture the host again with `node agent.js doctor --capture FILE`, which records it.';

/** An answer that nobody could look up; undefined: the error means something else. The chain of causes counts too. */
export function couldNotLook(thrown: unknown): Finding | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth += 1) {
    if (error instanceof NotCaptured) return warning(`could not look: ${error.message}`, CAPTURE_AGAIN);
    // How a tool ended is an answer.
    if (error instanceof ExecError) return undefined;
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) {
      const where = path === undefined ? `: ${error.message}` : ` at ${path}`;
      return warning(`could not look: ${code}${where}`, code === 'EACCES' || code === 'EPERM' ? AS_ROOT : '');
    }
  }
  return undefined;
}

/** A fact that stands in nobody's way here; a warning where it is unknown since a file that would tell is closed to this user. */
export function factOrBlind({ answer, evidence }: Fact, denied: DeniedPlaces, files: readonly string[]): Finding {
  const closed = answer === 'unknown' ? files.filter((file) => denied.has(file)) : [];
  const prefix = { yes: '', no: 'not needed here: ', unknown: 'not known, which keeps nothing off: ' };
  if (closed.length === 0) return ok(`${prefix[answer]}${evidence}`);
  return warning(`could not look: ${closed.map((file) => `${denied.get(file)} at ${file}`).join(', ')}`, AS_ROOT);
}
