// SPDX-License-Identifier: Apache-2.0
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

export type LogFormat = 'json' | 'pretty';

/**
 * Logs go to standard output, where `kubectl logs` and journald look: one JSON object a line, or lines for
 * people. Written synchronously, so that the last line before an exit is not lost.
 *
 * @param fd file descriptor; 2 for commands whose answer is standard output
 */
export function createLogger(level: string, format: LogFormat, fd: 1 | 2 = 1): Logger {
  const options = { level, base: { name: 'kmesh-agent' }, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = pino.destination({ dest: fd, sync: true });
  // A reader of the log that went away is no reason to take the node down.
  destination.on('error', () => {});
  if (format === 'json') return pino(options, destination);
  const colorize = (fd === 1 ? process.stdout : process.stderr).isTTY === true;
  return pino(options, pretty({ destination, colorize, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', hideObject: true }));
}
