// SPDX-License-Identifier: Apache-2.0
import { ownChildren } from './children.js';
import { asKmeshError, KmeshError } from './errors.js';

/** How the agent tells the error that ends it; the log once there is one. */
export interface LastWords {
  tell: (error: KmeshError) => void;
  /** Exit code of work that has come to its end; undefined: it has not. */
  ended: number | undefined;
}

/**
 * Sees to it that the agent never ends without saying why: an exception or a rejection that nobody took is a coded error, and the
 * programs that it started are told to end, since nobody would look after them.
 */
export function watchLastWords(): LastWords {
  const words: LastWords = { tell: (error) => void process.stderr.write(`${error.toText()}\n`), ended: undefined };
  let ending = false;
  const end = (error: KmeshError): void => {
    if (ending) return;
    ending = true;
    for (const pid of ownChildren()) endGroup(pid);
    words.tell(error);
  };
  process.on('uncaughtException', (thrown) => {
    const error = asKmeshError(thrown);
    end(error);
    // What goes wrong on the way out does not change how the work ended.
    process.exit(words.ended ?? error.exitCode);
  });
  process.on('exit', () => {
    // Node ends by itself when nothing is left that could wake it up.
    if (words.ended !== undefined || ending) return;
    const error = new KmeshError('KM_INTERNAL', 'the agent waits for something that cannot come');
    end(error);
    process.exitCode = error.exitCode;
  });
  // Whoever read the output may go away: no reason to take the node down.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return words;
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}
