// SPDX-License-Identifier: Apache-2.0
import type { KmeshError } from './errors.js';
import type { LogFormat, Logger } from './log.js';

/** Logs an error with its tail and remedy: as fields of one object, or as lines for people. */
export function logError(log: Logger, format: LogFormat, error: KmeshError): void {
  log.error({ error: error.toJSON() }, format === 'json' ? error.message : error.toText());
  if (error.cause !== undefined) log.debug({ err: error.cause }, 'the cause of the error above');
}
