// SPDX-License-Identifier: Apache-2.0
import yargs, { type Options } from 'yargs';
import { UsageError } from '../options.js';
import { addressSubject } from './addressSubject.js';
import { podSubject } from './podSubject.js';
import { QuestionError } from './question.js';
import type { Subject } from './subject.js';

/** What can be asked about. */
const SUBJECTS: readonly Subject[] = [addressSubject, podSubject];

const COMMON = {
  json: { type: 'boolean', default: false, describe: 'The answer as JSON' },
} satisfies Record<string, Options>;

/**
 * `node daemon.js explain ...`: answers one question from what is in force on this node, and changes nothing.
 *
 * @param argv without `explain`.
 * @returns what is printed.
 * @throws UsageError, DataplaneError, DaemonError
 */
export async function explain(argv: readonly string[]): Promise<string> {
  const options: Record<string, Options> = Object.assign({}, COMMON, ...SUBJECTS.map((subject) => subject.options));
  const given = yargs([...argv])
    .scriptName('kmesh-daemon explain')
    .parserConfiguration({ 'camel-case-expansion': false, 'boolean-negation': false })
    .options(options)
    .strict()
    .version(false)
    .demandCommand(0, 0)
    .fail((message, error) => {
      throw new UsageError(message ?? error.message);
    })
    .parseSync() as Readonly<Record<string, unknown>>;
  const twice = Object.keys(options).find((name) => Array.isArray(given[name]) && options[name]?.array !== true);
  if (twice !== undefined) throw new UsageError(`--${twice} is given twice`);
  const asked = SUBJECTS.filter(({ option }) => given[option] !== undefined);
  const [subject] = asked;
  if (!subject || asked.length > 1) throw new UsageError(`explain takes one of ${SUBJECTS.map(({ option }) => `--${option}`).join(', ')}`);
  const foreign = Object.keys(options).find((name) => given[name] !== undefined && !(name in subject.options) && !(name in COMMON));
  if (foreign !== undefined) throw new UsageError(`--${foreign} means nothing to --${subject.option}`);
  try {
    const { text, json } = await subject.answer(given);
    return given['json'] === true ? `${JSON.stringify(json, plain, 2)}\n` : text;
  } catch (error) {
    if (error instanceof QuestionError) throw new UsageError(error.message);
    throw error;
  }
}

/** Bytes of comparisons as text, whole numbers of any size as numbers in text. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  const isBytes = typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer';
  return isBytes ? Buffer.from((value as { data: number[] }).data).toString() : value;
}
