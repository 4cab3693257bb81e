// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode, KmeshError } from '../errors.js';
import type { Examination } from './examination.js';

/**
 * error: a start would fail here. warning: the node would come up with less than it could, or the answer could not be
 * looked up.
 */
export type Status = 'ok' | 'warning' | 'error';

/** One line of the report; also what `--json` prints. */
export interface Check {
  readonly name: string;
  readonly status: Status;
  /** What was seen, and where. */
  readonly evidence: string;
  /** What to do; empty where there is nothing to do. */
  readonly remedy: string;
}

export interface Finding extends Omit<Check, 'name'> {
  /** For the table of capabilities: what a start would meet. */
  readonly error?: KmeshError;
}

/** A question to the node. */
export interface Question {
  readonly name: string;
  /** It only matters to HTTP routing: without it the node comes up all the same. */
  readonly l7?: true;
  /** Errors of the phases' plans that answer this question. */
  readonly codes?: readonly ErrorCode[];
  /** @throws KmeshError what a start would meet; errors of the system: what could not be looked at */
  look(examination: Examination): Promise<Finding | readonly Check[]>;
}

/** Questions that one phase of a start depends on. */
export interface Group {
  readonly title: string;
  readonly questions: readonly Question[];
}

export const ok = (evidence: string): Finding => ({ status: 'ok', evidence, remedy: '' });
export const warning = (evidence: string, remedy: string): Finding => ({ status: 'warning', evidence, remedy });
