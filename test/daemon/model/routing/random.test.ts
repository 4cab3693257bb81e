// SPDX-License-Identifier: Apache-2.0
// Programs of many routes take short cuts: what an earlier route found out is not asked again. Here random virtual hosts
// are held to a plain evaluation of their matches, one route after the other.
import t from 'tap';
import { Findings } from '../../../../daemon/model/notEnforced.js';
import { whole } from '../../../../daemon/model/slices.js';
import { buildHost } from '../../../../daemon/model/routing/virtualHost.js';
import { Route, VirtualHost } from '../../../../daemon/proto/envoy/config/route/v3/route_components.js';
import type { HeaderMatcher, QueryParameterMatcher, RouteMatch } from '../../../../daemon/proto/envoy/config/route/v3/route_components.js';
import { random } from '../../diff/models.js';
import { problemOf, walk } from './walk.js';
import type { Answer, Request } from './walk.js';

type Below = (n: number) => number;

const pick = <T>(below: Below, items: readonly T[]): T => items[below(items.length)]!;
const PATHS = ['/', '/a', '/a/', '/a/b', '/ab', '/A', '*', undefined, '/a?q=1', '/b?r', '/b?q=2&r=1'];
const VALUES = ['', 'x', 'xy', 'zx', 'X'];
/** The last one has more states than an automaton has, and is not decided. */
const REGEXES = ['/a.*', '/(a|b)', '.*b', '/[^/]+', '(/[ab])+', '/([^/]+|.{600})'];

function randomMatch(below: Below): RouteMatch {
  const text = pick(below, ['/', '/a', '/a/b', '/b', '/A']);
  const pathSpecifier = pick(below, [
    { $case: 'prefix' as const, value: pick(below, ['', '/', '/', text]) },
    { $case: 'path' as const, value: text },
    { $case: 'pathSeparatedPrefix' as const, value: '/a' },
    { $case: 'safeRegex' as const, value: { regex: pick(below, REGEXES) } },
  ]);
  const specifier = (): HeaderMatcher['headerMatchSpecifier'] =>
    pick(below, [
      { $case: 'exactMatch', value: pick(below, VALUES) },
      { $case: 'presentMatch', value: below(2) === 0 },
      { $case: 'stringMatch', value: { matchPattern: { $case: pick(below, ['exact', 'prefix', 'suffix', 'contains'] as const), value: pick(below, VALUES) }, ignoreCase: below(2) === 0 } },
    ]);
  const headers = Array.from({ length: below(3) }, () => ({ name: pick(below, ['h', 'i', ':path']), headerMatchSpecifier: specifier() as never, invertMatch: below(3) === 0, treatMissingHeaderAsEmpty: below(3) === 0 }));
  const queryParameters = below(4) === 0 ? [{ name: pick(below, ['q', 'r']), queryParameterMatchSpecifier: { $case: 'presentMatch' as const, value: below(2) === 0 } }] : [];
  return Route.fromPartial({ match: { pathSpecifier, caseSensitive: below(3) > 0, headers, queryParameters } }).match!;
}

function textMatches(kind: string, text: string, value: string): boolean {
  if (kind === 'exact') return text === value;
  if (kind === 'prefix') return text.startsWith(value);
  return kind === 'suffix' ? text.endsWith(value) : text.includes(value);
}

function pathMatches({ pathSpecifier, caseSensitive }: RouteMatch, full: string | undefined): boolean {
  if (full === undefined) return false;
  const [spelt = ''] = full.split('?');
  if (pathSpecifier?.$case === 'safeRegex') return new RegExp(`^(?:${pathSpecifier.value.regex})$`).test(spelt);
  const fold = (text: string): string => (caseSensitive === false ? text.toLowerCase() : text);
  const [path, value] = [fold(spelt), fold(pathSpecifier!.value as string)];
  if (pathSpecifier!.$case === 'prefix') return path.startsWith(value);
  return path === value || (pathSpecifier!.$case === 'pathSeparatedPrefix' && path.startsWith(`${value}/`));
}

function headerMatches({ name, headerMatchSpecifier: specifier, invertMatch, treatMissingHeaderAsEmpty }: HeaderMatcher, request: Request): boolean {
  const sent = name === ':path' ? request.path : request.headers?.[name];
  const value = sent ?? (treatMissingHeaderAsEmpty ? '' : undefined);
  if (specifier?.$case === 'presentMatch') return ((value !== undefined) === specifier.value) !== invertMatch;
  if (value === undefined) return false;
  if (specifier?.$case === 'exactMatch') return (specifier.value === '' || value === specifier.value) !== invertMatch;
  const { matchPattern, ignoreCase } = (specifier as Extract<HeaderMatcher['headerMatchSpecifier'], { $case: 'stringMatch' }>).value;
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  return textMatches(matchPattern!.$case, fold(value), fold(matchPattern!.value as string)) !== invertMatch;
}

const parameterMatches = ({ name, queryParameterMatchSpecifier }: QueryParameterMatcher, path = ''): boolean =>
  new URLSearchParams(path.split('?')[1]).has(name) === (queryParameterMatchSpecifier as { value: boolean }).value;

/** Answers that a walk may give: the first route that matches, or, if a route before it hangs on an expression, nobody knows. */
function allowed(matches: readonly RouteMatch[], request: Request): Answer[] {
  let doubt: Answer[] = [];
  for (const [i, match] of matches.entries()) {
    const rest = match.headers.every((header) => headerMatches(header, request)) && match.queryParameters.every((parameter) => parameterMatches(parameter, request.path));
    if (rest && match.pathSpecifier?.$case === 'safeRegex' && match.pathSpecifier.value.regex === REGEXES.at(-1)) doubt = ['undecidable'];
    if (rest && pathMatches(match, request.path)) return [...doubt, { kind: 'cluster', cluster: String(i) }];
  }
  return [...doubt, 'no_route'];
}

t.test('random virtual hosts choose the first route that matches', (t) => {
  const below = random(21);
  const seen = new Map<string, number>();
  for (let n = 0; n < 1500; n += 1) {
    const matches = Array.from({ length: 1 + below(8) }, () => randomMatch(below));
    const routes = matches.map((match, i) => Route.fromPartial({ match, action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: String(i) } } } }));
    const { program } = whole(buildHost(VirtualHost.fromPartial({ name: 'v', domains: ['*'], routes }), 'v', undefined, new Findings('route', 'r')));
    if (problemOf(program) !== undefined) t.fail(problemOf(program)!);
    for (let m = 0; m < 25; m += 1) {
      const header = (name: string) => (below(2) === 0 ? {} : { [name]: pick(below, VALUES) });
      const request = { host: 'v', path: pick(below, PATHS), headers: { ...header('h'), ...header('i') } };
      const { answer } = walk(program, request);
      const answers = allowed(matches, request);
      if (!answers.some((one) => JSON.stringify(one) === JSON.stringify(answer))) t.fail('another answer', { request, answer, answers, matches: JSON.stringify(matches) });
      const kind = typeof answer === 'string' ? answer : 'cluster';
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
  }
  t.comment(JSON.stringify([...seen]));
  t.ok(['cluster', 'no_route', 'undecidable'].every((kind) => seen.get(kind)! > 500), 'all are met');
  t.end();
});
