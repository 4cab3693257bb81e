// SPDX-License-Identifier: Apache-2.0
import type { HeaderMatcher, QueryParameterMatcher } from '../../proto/envoy/config/route/v3/route_components.js';
import type { Listing } from '../notEnforced.js';
import { STEP_BYTES } from '../routeTable.js';
import type { RequestField } from '../routeTable.js';
import { NEVER, UNKNOWN } from './condition.js';
import type { Condition } from './condition.js';
import { containsAlternatives, regexAlternatives, stringAlternatives, UNDECIDED } from './stringMatch.js';
import { ANYTHING, endsWith, equals, exact, lowerCase, startsWith } from './texts.js';
import type { Alternative, Part } from './texts.js';

/** Envoy keeps these parts of a request as headers, and Host as :authority (source/common/http/header_map_impl.cc). */
const FIELDS: ReadonlyMap<string, RequestField> = new Map([
  [':method', 'method'],
  [':path', 'full_path'],
  [':authority', 'authority'],
  ['host', 'authority'],
  [':scheme', 'scheme'],
]);

/** Headers that a proxy sets itself before it routes. */
const OF_PROXY = /^x-(envoy-|forwarded-|request-id$)/;

/** As HeaderUtility::matchHeaders of Envoy (source/common/http/header_utility.cc); undefined: every request fulfils it. */
export function headerCondition(matcher: HeaderMatcher, path: string, findings: Listing): Condition | undefined {
  const { headerMatchSpecifier: specifier, invertMatch, treatMissingHeaderAsEmpty } = matcher;
  const part = headerPart(lowerCase(matcher.name), path, findings);
  if (!part) return UNKNOWN;
  if (!specifier || specifier.$case === 'presentMatch') {
    const wanted = (specifier?.value ?? true) !== invertMatch;
    if (!treatMissingHeaderAsEmpty) return { kind: 'present', part, wanted };
    // Then no header is missing.
    return wanted ? undefined : NEVER;
  }
  const missing = treatMissingHeaderAsEmpty ? 'empty' : 'fails';
  return { kind: 'text', part, missing, any: alternativesOf(specifier, part, path, findings), invert: invertMatch };
}

function headerPart(name: string, path: string, findings: Listing): Part | undefined {
  const field = FIELDS.get(name);
  if (field) return { op: 'field', field };
  if (Buffer.byteLength(name) > STEP_BYTES) {
    findings.once('long_match', path, `a name of more than ${STEP_BYTES} bytes is not looked for: ${UNDECIDED}`);
    return undefined;
  }
  if (OF_PROXY.test(name)) findings.once('proxy_header', path, 'a proxy sets this header itself; here it is compared as the client sent it, if it did');
  return { op: 'header', name };
}

type Specifier = Exclude<NonNullable<HeaderMatcher['headerMatchSpecifier']>, { $case: 'presentMatch' }>;

function alternativesOf(specifier: Specifier, part: Part, path: string, findings: Listing): readonly Alternative[] {
  const spelling = (text: string) => ({ text, ignoreCase: false });
  switch (specifier.$case) {
    case 'exactMatch':
      // An empty value of this old form asks for any value.
      return [specifier.value === '' ? ANYTHING : equals(spelling(specifier.value))];
    case 'prefixMatch':
      return [startsWith(spelling(specifier.value))];
    case 'suffixMatch':
      return [endsWith(spelling(specifier.value))];
    case 'containsMatch':
      return containsAlternatives(specifier.value, false, path, findings);
    case 'safeRegexMatch':
      return regexAlternatives(specifier.value, part, path, findings);
    case 'rangeMatch':
      return [exact({ op: 'range', start: specifier.value.start, end: specifier.value.end })];
    case 'stringMatch':
      return stringAlternatives(specifier.value, part, path, findings);
  }
}

/** As QueryParameterMatcher::matches (source/common/router/config_utility.cc), where `present_match: false` asks for absence since Envoy 1.33. */
export function parameterCondition({ name, queryParameterMatchSpecifier: specifier }: QueryParameterMatcher, path: string, findings: Listing): Condition {
  if (Buffer.byteLength(name) > STEP_BYTES) {
    findings.once('long_match', path, `a name of more than ${STEP_BYTES} bytes is not looked for: ${UNDECIDED}`);
    return UNKNOWN;
  }
  const part: Part = { op: 'param', name };
  if (specifier?.$case !== 'stringMatch') return { kind: 'present', part, wanted: specifier?.value ?? true };
  return { kind: 'text', part, missing: 'fails', any: stringAlternatives(specifier.value, part, path, findings), invert: false };
}
