// SPDX-License-Identifier: Apache-2.0
import type { KmeshError } from './errors.js';
import type { LogFormat, Logger } from './log.js';

/** Logs an error with its tail and remedy: as fields of one object, or as lines for people. `warn`: the agent goes on. */
export function logError(log: Logger, format: LogFormat, error: KmeshError, level: 'error' | 'warn' = 'error'): void {
  log[level]({ error: error.toJSON() }, format === 'json' ? error.message : error.toText());
  if (error.cause !== undefined) log.debug({ err: error.cause }, 'the cause of the error above');
}
