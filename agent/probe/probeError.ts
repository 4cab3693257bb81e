// SPDX-License-Identifier: Apache-2.0

/**
 * Why an input could not be read as what it should be.
 * empty: nothing in it; truncated: it ends too early; too-large: above the parser's limit;
 * unsupported: well formed, but of a kind this parser does not know; garbage: everything else.
 */
export type ProbeProblem = 'empty' | 'truncated' | 'too-large' | 'unsupported' | 'garbage';

/** The only error that the parsers of agent/probe throw. `subject` names the input, for example `BTF` or `mountinfo`. */
export class ProbeError extends Error {
  readonly subject: string;
  readonly problem: ProbeProblem;

  constructor(subject: string, problem: ProbeProblem, detail: string) {
    super(`${subject}: ${detail}`);
    this.name = 'ProbeError';
    this.subject = subject;
    this.problem = problem;
  }
}

const KIB = 1024;

/** Refuses a text longer than `limitKib` KiB before any work is done on it. */
export function boundText(subject: string, text: string, limitKib: number): void {
  if (text.length > limitKib * KIB) {
    throw new ProbeError(subject, 'too-large', `${text.length} characters, more than the limit of ${limitKib} KiB`);
  }
}

const QUOTE_LIMIT = 40;

/** A piece of a hostile input, cut and escaped so that it can stand in a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTE_LIMIT ? `${text.slice(0, QUOTE_LIMIT)}...` : text);
}
