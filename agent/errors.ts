// SPDX-License-Identifier: Apache-2.0
import { BUILD } from './errors/build.js';
import { CNI } from './errors/cni.js';
import { DAEMON } from './errors/daemon.js';
import { EXIT_CODES, NEUTRAL_HINTS } from './errors/entry.js';
import type { ErrorEntry, InstallHints } from './errors/entry.js';
import { HELPERS } from './errors/helpers.js';
import { MODULE } from './errors/module.js';
import { MOUNTS } from './errors/mounts.js';
import { START } from './errors/start.js';
import { STATE } from './errors/state.js';

export { EXIT_CODES, NEUTRAL_HINTS } from './errors/entry.js';
export type { FailureClass, InstallHints } from './errors/entry.js';

/** Every failure that a user can meet. docs/errors.md repeats this table; a test holds the two equal. */
export const ERRORS = { ...START, ...HELPERS, ...BUILD, ...STATE, ...MODULE, ...MOUNTS, ...CNI, ...DAEMON };

export type ErrorCode = keyof typeof ERRORS;

export interface KmeshErrorOptions extends ErrorOptions {
  /** Last lines of the tool that failed, oldest first. */
  readonly tail?: readonly string[] | undefined;
  readonly hints?: InstallHints | undefined;
  /** Overrides the exit code of the class: the daemon's own code is passed on. */
  readonly exitCode?: number | undefined;
}

/** A failure that a user can do something about: code, what happened, the tool's last lines, the remedy. */
export class KmeshError extends Error {
  override readonly name = 'KmeshError';
  readonly code: ErrorCode;
  /** What happened this time; `message` has the code in front. */
  readonly detail: string;
  readonly general: string;
  readonly remedy: string;
  readonly tail: readonly string[];
  readonly exitCode: number;

  constructor(code: ErrorCode, detail: string, options: KmeshErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    const entry: ErrorEntry = ERRORS[code];
    this.code = code;
    this.detail = detail;
    this.general = entry.cause;
    this.remedy = typeof entry.remedy === 'string' ? entry.remedy : entry.remedy(options.hints ?? NEUTRAL_HINTS);
    this.tail = options.tail ?? [];
    this.exitCode = options.exitCode ?? EXIT_CODES[entry.class];
  }

  /** The error for people: several lines, the cause first. */
  toText(): string {
    const tail = this.tail.map((line) => `  | ${line}`);
    return [this.message, `  ${this.general}`, ...tail, `  remedy: ${this.remedy}`].join('\n');
  }

  /** The error for logs that are read by machines. */
  toJSON(): Record<string, unknown> {
    return { code: this.code, detail: this.detail, cause: this.general, remedy: this.remedy, tail: this.tail, exitCode: this.exitCode };
  }
}

/** Any thrown value as a KmeshError; what is not one already is a bug. */
export function asKmeshError(thrown: unknown): KmeshError {
  if (thrown instanceof KmeshError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const stack = thrown instanceof Error ? (thrown.stack ?? '').split('\n').slice(1, 8) : [];
  return new KmeshError('KM_INTERNAL', message, { cause: thrown, tail: stack.map((line) => line.trim()) });
}
