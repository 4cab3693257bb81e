// SPDX-License-Identifier: Apache-2.0

/** Three answers: "unknown" is kept apart from "no", so that nothing is switched off by a file that could not be read. */
export type Answer = 'yes' | 'no' | 'unknown';

/** What is known about one question, and where from. `evidence` is a phrase for the log, without a full stop. */
export interface Fact {
  readonly answer: Answer;
  readonly evidence: string;
}

export const yes = (evidence: string): Fact => ({ answer: 'yes', evidence });
export const no = (evidence: string): Fact => ({ answer: 'no', evidence });
export const unknown = (evidence: string): Fact => ({ answer: 'unknown', evidence });
