// SPDX-License-Identifier: Apache-2.0
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

/** Lines for people or one JSON object a line; both on standard output, where `kubectl logs` looks. */
export function createLogger(level: string, format: 'json' | 'pretty'): Logger {
  const options = { level, base: { name: 'kmesh-daemon' }, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = pino.destination({ dest: 1, sync: true });
  // The agent reads it; one that was killed is no reason for the daemon to end.
  destination.on('error', () => {});
  if (format === 'json') return pino(options, destination);
  return pino(options, pretty({ destination, colorize: process.stdout.isTTY === true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', hideObject: true }));
}
