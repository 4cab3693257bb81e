// SPDX-License-Identifier: Apache-2.0

/** Why there are no headers to build kmesh.ko with; each is a code of agent/errors.ts. */
export type HeaderCode = 'KM_HEADERS_MISSING' | 'KM_HEADERS_DANGLING' | 'KM_HEADERS_RELEASE' | 'KM_HEADERS_INCOMPLETE';

export interface HeaderProblem {
  readonly code: HeaderCode;
  /** A phrase for the log, without a full stop. */
  readonly detail: string;
}

/**
 * One problem for a search that met several: everything that was seen, by the code of the first, since the places are
 * searched with the best one first.
 */
export function allOf(problems: readonly HeaderProblem[]): HeaderProblem {
  return { code: problems[0]?.code ?? 'KM_HEADERS_MISSING', detail: [...new Set(problems.map(({ detail }) => detail))].join('; ') };
}
