// SPDX-License-Identifier: Apache-2.0
import type { RouteMatch, RouteMatch_TlsContextMatchOptions } from '../../proto/envoy/config/route/v3/route_components.js';
import { FractionalPercent_DenominatorType } from '../../proto/envoy/type/v3/percent.js';
import type { Listing } from '../notEnforced.js';
import { NEVER, UNKNOWN } from './condition.js';
import type { Condition, TextCondition } from './condition.js';
import { headerCondition, parameterCondition } from './headerMatch.js';
import { regexAlternatives, UNDECIDED } from './stringMatch.js';
import { equals, SLASH, startsWith } from './texts.js';
import type { Alternative, Part } from './texts.js';

const PATH: Part = { op: 'field', field: 'path' };
const METHOD: Part = { op: 'field', field: 'method' };
const CONTENT_TYPE: Part = { op: 'header', name: 'content-type' };

/** What a route's match asks for, its path first. */
export function conditionsOf(match: RouteMatch | undefined, path: string, findings: Listing): Condition[] {
  if (!match) return [NEVER];
  const conditions = [
    pathCondition(match, path, findings),
    ...fractionConditions(match, path, findings),
    ...(match.grpc ? [text(CONTENT_TYPE, GRPC)] : []),
    ...match.headers.flatMap((header, i) => headerCondition(header, `${path}.headers[${i}]`, findings) ?? []),
    ...match.queryParameters.map((parameter, i) => parameterCondition(parameter, `${path}.queryParameters[${i}]`, findings)),
    ...(match.tlsContext ? tlsConditions(match.tlsContext) : []),
  ];
  if (match.dynamicMetadata.length > 0) {
    findings.once('dynamic_metadata', path, `metadata comes from filters, which do not run: ${UNDECIDED}`);
    conditions.push(UNKNOWN);
  }
  return conditions;
}

/** Whether a request with a path, which has to begin with a slash, fulfils them all. */
export function fulfilledByAll([path, ...more]: readonly Condition[]): boolean {
  if (!path || more.length > 0) return false;
  if (path.kind === 'present') return path.wanted && isPath(path.part);
  return path.kind === 'text' && isPath(path.part) && path.any.some(({ checks, exact }) => exact && checks.every((check) => check.op === 'compare' && check.offset === 0 && !check.fromEnd && check.bytes.equals(SLASH)));
}

const isPath = (part: Part): boolean => part.op === 'field' && part.field === 'path';

const text = (part: Part, any: readonly Alternative[]): TextCondition => ({ kind: 'text', part, missing: 'fails', any, invert: false });

/** Exactly this, or with a suffix after a plus sign; "application/grpc-web" is another protocol (source/common/grpc/common.cc). */
const GRPC = [equals({ text: 'application/grpc', ignoreCase: false }), startsWith({ text: 'application/grpc+', ignoreCase: false })];

/** A route without a path takes no request without one, which is CONNECT (Matchable::supportsPathlessHeaders). */
function pathCondition({ pathSpecifier: specifier, caseSensitive }: RouteMatch, path: string, findings: Listing): Condition {
  const spelling = (value: string) => ({ text: value, ignoreCase: caseSensitive === false });
  switch (specifier?.$case) {
    case 'prefix':
      return specifier.value === '' ? { kind: 'present', part: PATH, wanted: true } : text(PATH, [startsWith(spelling(specifier.value))]);
    case 'path':
      return text(PATH, [equals(spelling(specifier.value))]);
    case 'pathSeparatedPrefix':
      return text(PATH, [equals(spelling(specifier.value)), startsWith(spelling(`${specifier.value}/`))]);
    case 'safeRegex':
      return text(PATH, regexAlternatives(specifier.value, PATH, `${path}.safeRegex`, findings));
    case 'connectMatcher':
      findings.once('connect_matcher', path, 'tunnels are not ended by the node: CONNECT requests that match take the default decision');
      return text(METHOD, [equals({ text: 'CONNECT', ignoreCase: false })]);
    default:
      findings.once('path_match', path, `this kind of path match is not known here: ${UNDECIDED}`);
      return UNKNOWN;
  }
}

const DENOMINATORS: Readonly<Record<number, number>> = {
  [FractionalPercent_DenominatorType.HUNDRED]: 100,
  [FractionalPercent_DenominatorType.TEN_THOUSAND]: 10_000,
  [FractionalPercent_DenominatorType.MILLION]: 1_000_000,
};

/** Of a part of the requests. There is no runtime that could change the default. */
function fractionConditions({ runtimeFraction }: RouteMatch, path: string, findings: Listing): Condition[] {
  if (!runtimeFraction) return [];
  const { numerator = 0, denominator = FractionalPercent_DenominatorType.HUNDRED } = runtimeFraction.defaultValue ?? {};
  if (numerator === 0) return [NEVER];
  if (numerator >= (DENOMINATORS[denominator] ?? Infinity)) return [];
  findings.once('runtime_fraction', path, `requests are not drawn for a route: ${UNDECIDED}`);
  return [UNKNOWN];
}

/** Requests are read in plain text only, where no client presents a certificate (RouteEntryImplBase::evaluateTlsContextMatch). */
function tlsConditions({ presented, validated }: RouteMatch_TlsContextMatchOptions): Condition[] {
  return presented || validated ? [NEVER] : [];
}
