// SPDX-License-Identifier: Apache-2.0
import type { RegexMatcher } from '../../proto/envoy/type/matcher/v3/regex.js';
import type { StringMatcher } from '../../proto/envoy/type/matcher/v3/string.js';
import type { Listing } from '../notEnforced.js';
import { compileRegex } from './regex/compile.js';
import { reduce } from './regex/reduce.js';
import { endsWith, equals, exact, holds, startsWith } from './texts.js';
import type { Alternative, Part } from './texts.js';

/** What happens when nobody can tell whether a route applies (DESIGN: default decision). */
export const UNDECIDED = 'requests for which the rest of the match holds take the default decision';

/** Nobody can tell whether it matches. */
const UNTOLD: readonly Alternative[] = [{ checks: [], exact: false }];

/**
 * Targets consist of visible ASCII (RFC 9112 section 3.2, which kmesh.ko holds requests to), and so does the
 * authority; values of headers may have other bytes.
 */
const isAscii = ({ op }: Part): boolean => op !== 'header';

export function stringAlternatives({ matchPattern, ignoreCase }: StringMatcher, part: Part, path: string, findings: Listing): readonly Alternative[] {
  switch (matchPattern?.$case) {
    case 'exact':
      return [equals({ text: matchPattern.value, ignoreCase })];
    case 'prefix':
      return [startsWith({ text: matchPattern.value, ignoreCase })];
    case 'suffix':
      return [endsWith({ text: matchPattern.value, ignoreCase })];
    case 'contains':
      return containsAlternatives(matchPattern.value, ignoreCase, path, findings);
    case 'safeRegex':
      // Envoy refuses ignore_case beside it.
      return regexAlternatives(matchPattern.value, part, path, findings);
    default:
      findings.once('string_match', path, `this kind of match is not known here: ${UNDECIDED}`);
      return UNTOLD;
  }
}

export function containsAlternatives(text: string, ignoreCase: boolean, path: string, findings: Listing): readonly Alternative[] {
  const alternative = holds({ text, ignoreCase });
  if (!alternative.exact) findings.once('long_match', path, `a text of more than 48 bytes is looked for by its beginning: where that is found, ${UNDECIDED}`);
  return [alternative];
}

const SHOWN_CHARACTERS = 60;

/** What is listed of an expression that is not decided. @param why in words that follow it. */
export function undecided(regex: string, why: string): string {
  const shown = regex.length <= SHOWN_CHARACTERS ? regex : `${regex.slice(0, SHOWN_CHARACTERS)}…`;
  return `not decided, ${why}: ${shown}; where it may match, ${UNDECIDED}`;
}

/** More comparisons than these cost more than an automaton, which looks at each byte once. */
const MOST_COMPARED = 8;

/** Steps that compare where these are exact and few, else an automaton; where there is none, steps for what has to be true. */
export function regexAlternatives({ regex }: RegexMatcher, part: Part, path: string, findings: Listing): readonly Alternative[] {
  const alternatives = reduce(regex, isAscii(part));
  const isExact = alternatives?.every((alternative) => alternative.exact) ?? false;
  if (isExact && alternatives!.length <= MOST_COMPARED) return alternatives!;
  const compiled = compileRegex(regex, isAscii(part), findings.expressions);
  if (compiled.automaton) return [exact({ op: 'automaton', automaton: compiled.automaton, regex })];
  if (!isExact) findings.add('regex', path, undecided(regex, compiled.refused));
  return alternatives ?? UNTOLD;
}
