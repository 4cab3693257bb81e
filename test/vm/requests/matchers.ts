// SPDX-License-Identifier: Apache-2.0
/** Envoy's matchers of texts and headers: part of the second opinion of envoyRules.ts. */

export interface StringMatcher {
  readonly exact?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly contains?: string;
  readonly safe_regex?: { readonly regex: string };
  readonly ignore_case?: boolean;
}

export interface HeaderMatcher {
  readonly name: string;
  readonly string_match?: StringMatcher;
  readonly present_match?: boolean;
  readonly range_match?: { readonly start?: number | string; readonly end?: number | string };
  readonly invert_match?: boolean;
  readonly treat_missing_header_as_empty?: boolean;
}

export function textMatches(matcher: StringMatcher, given: string): boolean {
  const folded = (text: string): string => (matcher.ignore_case === true ? text.toLowerCase() : text);
  const text = folded(given);
  if (matcher.exact !== undefined) return text === folded(matcher.exact);
  if (matcher.prefix !== undefined) return text.startsWith(folded(matcher.prefix));
  if (matcher.suffix !== undefined) return text.endsWith(folded(matcher.suffix));
  if (matcher.contains !== undefined) return text.includes(folded(matcher.contains));
  // The whole text has to match; ignore_case has no effect on expressions.
  if (matcher.safe_regex !== undefined) return new RegExp(`^(?:${matcher.safe_regex.regex})$`, 's').test(given);
  throw new Error(`a matcher of another kind: ${JSON.stringify(matcher)}`);
}

/**
 * source/common/http/header_utility.cc: a header that is missing, and is not to be taken as empty, is told apart by
 * present_match only; every other matcher says no then, and invert_match does not change that.
 *
 * @param value undefined: the request has no such header.
 */
export function headerMatches(matcher: HeaderMatcher, value: string | undefined): boolean {
  const inverted = matcher.invert_match === true;
  const asksForPresence = matcher.string_match === undefined && matcher.range_match === undefined;
  if (value === undefined && matcher.treat_missing_header_as_empty !== true) {
    return asksForPresence && (matcher.present_match ?? true) === inverted;
  }
  return valueMatches(matcher, value ?? '') !== inverted;
}

function valueMatches({ string_match: text, range_match: range, present_match: present }: HeaderMatcher, value: string): boolean {
  if (text !== undefined) return textMatches(text, value);
  if (range !== undefined) {
    if (!/^[+-]?\d+$/.test(value)) return false;
    const number = BigInt(value);
    return number >= BigInt(range.start ?? 0) && number < BigInt(range.end ?? 0);
  }
  return present ?? true;
}
