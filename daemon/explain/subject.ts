// SPDX-License-Identifier: Apache-2.0
import type { Options } from 'yargs';

/** What `explain` is asked about: one option names it, others of its own may say more. */
export interface Subject {
  /** The option that chooses the subject. */
  readonly option: string;
  /** All its options, this one among them. */
  readonly options: Readonly<Record<string, Options>>;
  /**
   * @param given the values of its options; undefined: not given.
   * @throws QuestionError for a value that means nothing, DataplaneError, DaemonError.
   */
  answer(given: Readonly<Record<string, unknown>>): Promise<SubjectAnswer>;
}

/** What is printed: `text` for people, `json` with --json. */
export interface SubjectAnswer {
  readonly text: string;
  readonly json: unknown;
}
