// SPDX-License-Identifier: Apache-2.0
// What each kind of match asks for, by the rules of Envoy's own code: source/common/http/header_utility.cc,
// source/common/router/config_impl.cc and config_utility.cc, source/common/common/matchers.cc.
import t from 'tap';
import { Findings } from '../../../../daemon/model/notEnforced.js';
import { readRoutes } from '../../../../daemon/model/routes.js';
import { Route } from '../../../../daemon/proto/envoy/config/route/v3/route_components.js';
import type { HeaderMatcher } from '../../../../daemon/proto/envoy/config/route/v3/route_components.js';
import { FractionalPercent_DenominatorType as Of } from '../../../../daemon/proto/envoy/type/v3/percent.js';
import { routeTable, virtualHost } from '../protos.js';
import { route } from './walk.js';
import type { Request } from './walk.js';

type Match = Parameters<typeof Route.fromPartial>[0]['match'] & object;
type Said = 'yes' | 'no' | 'unknown';

const toCluster = (cluster: string, match: Match): Route =>
  Route.fromPartial({ match, action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: cluster } } } });

/** What a route with this match says of a request, and what is listed. */
function asked(match: Match): { readonly of: (request: Request) => Said; readonly listed: readonly string[] } {
  const findings = new Findings('route', 't');
  const { table } = readRoutes(routeTable('t', [virtualHost(['*'], [toCluster('yes', match)])]), { name: 't', prefix: '' }, undefined, findings);
  return {
    of: (request) => {
      const { answer } = route(table, { host: 'h', path: '/', ...request });
      return answer === 'no_route' ? 'no' : answer === 'undecidable' ? 'unknown' : 'yes';
    },
    listed: findings.list().map(({ feature }) => feature).filter((feature) => feature !== 'keep_alive' && feature !== 'no_default_route'),
  };
}

interface Case {
  readonly name: string;
  readonly match: Match;
  readonly yes?: readonly Request[];
  readonly no?: readonly Request[];
  readonly unknown?: readonly Request[];
  readonly listed?: readonly string[];
}

function check(cases: readonly Case[]): void {
  for (const { name, match, yes = [], no = [], unknown = [], listed = [] } of cases) {
    t.test(name, (t) => {
      const { of, listed: found } = asked(match);
      const expected = [...yes.map((r) => [r, 'yes'] as const), ...no.map((r) => [r, 'no'] as const), ...unknown.map((r) => [r, 'unknown'] as const)];
      for (const [request, said] of expected) t.equal(of(request), said, JSON.stringify(request).slice(0, 100));
      t.same(found, listed);
      t.end();
    });
  }
}

const at = (...paths: (string | undefined)[]): Request[] => paths.map((path) => ({ path }));
/** As `.+`, with more states than an automaton has. */
const NOT_DECIDED = '(.|.{600}|[^a]{600})+';
const long = `/${'x'.repeat(46)}/${'y'.repeat(60)}/${'z'.repeat(60)}`;

check([
  { name: 'prefix', match: { pathSpecifier: { $case: 'prefix', value: '/api' } }, yes: at('/api', '/api/x', '/apix', '/api?x'), no: at('/ap', '/API', '/', '*', undefined, '/x?/api') },
  { name: 'the empty prefix takes every path, but no CONNECT', match: { pathSpecifier: { $case: 'prefix', value: '' } }, yes: at('/', '*'), no: at(undefined) },
  { name: 'prefix in any case', match: { pathSpecifier: { $case: 'prefix', value: '/Api' }, caseSensitive: false }, yes: at('/api', '/API/x'), no: at('/ap') },
  { name: 'exact path, without its query and fragment', match: { pathSpecifier: { $case: 'path', value: '/a' } }, yes: at('/a', '/a?b=c', '/a#d'), no: at('/a/', '/A', '/') },
  { name: 'exact path in any case', match: { pathSpecifier: { $case: 'path', value: '/Ab' }, caseSensitive: false }, yes: at('/ab', '/AB?x'), no: at('/abc') },
  { name: 'a path longer than several steps hold', match: { pathSpecifier: { $case: 'path', value: long } }, yes: at(long), no: at(`${long}z`, long.slice(0, -1), `${long.slice(0, -1)}Z`, long.replace('y', 'x'), `_${long.slice(1)}`) },
  { name: 'prefix of whole segments', match: { pathSpecifier: { $case: 'pathSeparatedPrefix', value: '/api' } }, yes: at('/api', '/api/', '/api/x', '/api?x'), no: at('/apix', '/ap', '/api;x') },
  { name: 'prefix of whole segments in any case', match: { pathSpecifier: { $case: 'pathSeparatedPrefix', value: '/Api' }, caseSensitive: false }, yes: at('/api', '/API/x'), no: at('/apix') },
  { name: 'an expression that is an alternation', match: { pathSpecifier: { $case: 'safeRegex', value: { regex: '/(a|b)/.*' } } }, yes: at('/a/', '/b/x'), no: at('/c/', '/a', '/A/') },
  {
    name: 'an expression that becomes an automaton',
    match: { pathSpecifier: { $case: 'safeRegex', value: { regex: '/users/[^/]+/orders' } } },
    yes: at('/users/1/orders', '/users/1/orders?x', `/users/${'1'.repeat(200)}/orders`),
    no: at('/users/a/b/orders', '/users/1', '/users//orders', undefined),
  },
  {
    name: 'an expression that is not decided: what has to be true is asked first',
    match: { pathSpecifier: { $case: 'safeRegex', value: { regex: `/users/${NOT_DECIDED}/orders` } } },
    no: at('/users/1', '/user/1/orders', '/users//orders/'),
    unknown: at('/users/1/orders', '/users/a/b/orders'),
    listed: ['regex'],
  },
  { name: 'CONNECT', match: { pathSpecifier: { $case: 'connectMatcher', value: {} } }, no: [{ method: 'CONNECT', path: undefined }, { method: 'GET' }], listed: ['connect_matcher'] },
  { name: 'a path match of an extension', match: { pathSpecifier: { $case: 'pathMatchPolicy', value: { name: 'x' } } }, unknown: at('/'), listed: ['path_match'] },
  { name: 'a path match that this version does not know', match: {}, unknown: at('/'), listed: ['path_match'] },
]);

type HeaderSpecifier = HeaderMatcher['headerMatchSpecifier'];
const header = (headerMatchSpecifier: HeaderSpecifier, more: Partial<HeaderMatcher> = {}): Match => ({ pathSpecifier: { $case: 'prefix', value: '/' }, headers: [{ name: 'X-H', headerMatchSpecifier: headerMatchSpecifier as never, ...more }] });
const string = (matchPattern: object, ignoreCase = false): HeaderSpecifier => ({ $case: 'stringMatch', value: { matchPattern: matchPattern as never, ignoreCase } });
const values = (...texts: string[]): Request[] => texts.map((text) => ({ headers: { 'x-h': text } }));
const missing: Request = { headers: { other: 'x' } };
const name49 = 'n'.repeat(49);

check([
  { name: 'header: exact', match: header({ $case: 'exactMatch', value: 'v' }), yes: values('v'), no: [...values('V', 'vv', ''), missing] },
  { name: 'header: the old exact match of nothing asks for any value', match: header({ $case: 'exactMatch', value: '' }), yes: values('v', ''), no: [missing] },
  { name: 'header: prefix', match: header({ $case: 'prefixMatch', value: 'ab' }), yes: values('ab', 'abc'), no: [...values('a', 'xab'), missing] },
  { name: 'header: suffix', match: header({ $case: 'suffixMatch', value: 'yz' }), yes: values('yz', 'xyz'), no: [...values('z', 'yzz'), missing] },
  { name: 'header: a suffix longer than several steps hold', match: header({ $case: 'suffixMatch', value: long }), yes: values(long, `x${long}`), no: values(`${long}x`, long.slice(1), `x${long.replace('y', 'x')}`) },
  { name: 'header: contains', match: header({ $case: 'containsMatch', value: 'mn' }), yes: values('mn', 'lmno'), no: [...values('nm', ''), missing] },
  { name: 'header: contains nothing', match: header({ $case: 'containsMatch', value: '' }), yes: values('', 'x'), no: [missing] },
  { name: 'header: contains more than a step holds', match: header({ $case: 'containsMatch', value: long }), unknown: values(long, `x${long.slice(0, 48)}`), no: values(long.slice(0, 47)), listed: ['long_match'] },
  { name: 'header: range', match: header({ $case: 'rangeMatch', value: { start: -5n, end: 10n } }), yes: values('-5', '0', '9', '+9', ' 9'), no: [...values('10', '-6', '', 'x', '9x', '1.5'), missing] },
  { name: 'header: expression', match: header({ $case: 'safeRegexMatch', value: { regex: 'a.*', engineType: undefined } }), yes: values('a', 'ab'), no: [...values('ba'), missing] },
  { name: 'header: present', match: header({ $case: 'presentMatch', value: true }), yes: values('', 'v'), no: [missing] },
  { name: 'header: absent', match: header({ $case: 'presentMatch', value: false }), yes: [missing], no: values('', 'v') },
  { name: 'header: without a specifier, present', match: header(undefined), yes: values(''), no: [missing] },
  { name: 'header: string exact, in any case', match: header(string({ $case: 'exact', value: 'Gold' }, true)), yes: values('gold', 'GOLD'), no: [...values('golden'), missing] },
  { name: 'header: string exact of nothing', match: header(string({ $case: 'exact', value: '' })), yes: values(''), no: [...values('v'), missing] },
  { name: 'header: string prefix, in any case', match: header(string({ $case: 'prefix', value: 'Go' }, true)), yes: values('gOld'), no: values('ago') },
  { name: 'header: string suffix, in any case', match: header(string({ $case: 'suffix', value: 'LD' }, true)), yes: values('gold', 'GOLD'), no: values('golden') },
  { name: 'header: string contains, in any case', match: header(string({ $case: 'contains', value: 'OL' }, true)), yes: values('gold', 'GOLD'), no: values('go-ld') },
  { name: 'header: only ASCII letters have two cases', match: header(string({ $case: 'exact', value: '\u00c4' }, true)), yes: values('\u00c4'), no: values('\u00e4') },
  { name: 'header: string expression, whose own case counts', match: header(string({ $case: 'safeRegex', value: { regex: 'gold|silver' } }, true)), yes: values('gold', 'silver'), no: values('Gold', 'golden') },
  { name: 'header: a string match of an extension', match: header(string({ $case: 'custom', value: {} })), unknown: values('x'), no: [missing], listed: ['string_match'] },
  { name: 'inverted: a value that differs, but no missing header', match: header({ $case: 'exactMatch', value: 'v' }, { invertMatch: true }), yes: values('w', ''), no: [...values('v'), missing] },
  { name: 'inverted, and a missing header is empty', match: header({ $case: 'exactMatch', value: 'v' }, { invertMatch: true, treatMissingHeaderAsEmpty: true }), yes: [...values('w', ''), missing], no: values('v') },
  { name: 'a missing header is empty', match: header(string({ $case: 'exact', value: '' }), { treatMissingHeaderAsEmpty: true }), yes: [...values(''), missing], no: values('v') },
  { name: 'inverted range, and a missing header is empty', match: header({ $case: 'rangeMatch', value: { start: 1n, end: 2n } }, { invertMatch: true, treatMissingHeaderAsEmpty: true }), yes: [...values('2', 'x'), missing], no: values('1') },
  { name: 'inverted present', match: header({ $case: 'presentMatch', value: true }, { invertMatch: true }), yes: [missing], no: values('', 'v') },
  { name: 'inverted absent', match: header({ $case: 'presentMatch', value: false }, { invertMatch: true }), yes: values('v'), no: [missing] },
  { name: 'present, and a missing header counts as present', match: header({ $case: 'presentMatch', value: true }, { treatMissingHeaderAsEmpty: true }), yes: [...values('v'), missing] },
  { name: 'absent, and a missing header counts as present', match: header({ $case: 'presentMatch', value: false }, { treatMissingHeaderAsEmpty: true }), no: [...values('v'), missing] },
  {
    name: 'inverted: what is not decided stays so, what fails matches',
    match: header({ $case: 'safeRegexMatch', value: { regex: `a${NOT_DECIDED}`, engineType: undefined } }, { invertMatch: true }),
    yes: values('b'),
    unknown: values('ac'),
    no: [missing],
    listed: ['regex'],
  },
  { name: 'a name that is too long to be looked for', match: header({ $case: 'exactMatch', value: 'v' }, { name: name49 }), unknown: [{ headers: { [name49]: 'v' } }, missing], listed: ['long_match'] },
  { name: 'a header that a proxy sets', match: header({ $case: 'exactMatch', value: 'https' }, { name: 'x-forwarded-proto' }), yes: [{ headers: { 'x-forwarded-proto': 'https' } }], no: [missing], listed: ['proxy_header'] },
]);

const pseudo = (name: string, text: string): Match => ({ pathSpecifier: { $case: 'prefix', value: '/' }, headers: [{ name, headerMatchSpecifier: { $case: 'exactMatch', value: text } }] });

check([
  { name: ':method', match: pseudo(':method', 'PUT'), yes: [{ method: 'PUT' }], no: [{ method: 'put' }, { method: 'GET' }] },
  { name: ':path has the query', match: pseudo(':path', '/a?b=c'), yes: at('/a?b=c'), no: at('/a', '/a?b=d') },
  { name: ':authority is as the client sent it', match: pseudo(':authority', 'A.svc:80'), yes: [{ host: 'A.svc:80' }], no: [{ host: 'a.svc:80' }, { host: 'A.svc' }] },
  { name: 'host is the authority', match: pseudo('Host', 'a'), yes: [{ host: 'a' }], no: [{ host: 'b', headers: { host: 'a' } }] },
  { name: ':scheme', match: pseudo(':scheme', 'http'), yes: [{}], no: [{ scheme: 'https' }] },
  { name: 'a part that HTTP/1 does not have', match: pseudo(':protocol', 'websocket'), no: [{}] },
]);

const query = (queryParameters: Match['queryParameters'] & object): Match => ({ pathSpecifier: { $case: 'prefix', value: '/' }, queryParameters });

check([
  { name: 'parameter: exact', match: query([{ name: 'a', queryParameterMatchSpecifier: string({ $case: 'exact', value: '1' }) as never }]), yes: at('/?a=1', '/?b=2&a=1', '/?a=1&a=2'), no: at('/?a=2&a=1', '/?A=1', '/?a', '/', '/#?a=1') },
  { name: 'parameter: prefix in any case', match: query([{ name: 'a', queryParameterMatchSpecifier: string({ $case: 'prefix', value: 'T' }, true) as never }]), yes: at('/?a=true', '/?a=T'), no: at('/?a=f') },
  { name: 'parameter: present', match: query([{ name: 'a', queryParameterMatchSpecifier: { $case: 'presentMatch', value: true } }]), yes: at('/?a', '/?a=', '/?a=1'), no: at('/?b', '/') },
  { name: 'parameter: absent', match: query([{ name: 'a', queryParameterMatchSpecifier: { $case: 'presentMatch', value: false } }]), yes: at('/?b', '/'), no: at('/?a') },
  { name: 'parameter: without a specifier, present', match: query([{ name: 'a' }]), yes: at('/?a'), no: at('/') },
  { name: 'several parameters', match: query([{ name: 'a' }, { name: 'b' }]), yes: at('/?b&a'), no: at('/?a', '/?b') },
  { name: 'a parameter whose name is too long to be looked for', match: query([{ name: name49 }]), unknown: at('/'), listed: ['long_match'] },
]);

const all = (more: Match): Match => ({ pathSpecifier: { $case: 'prefix', value: '/' }, ...more });
const type = (...texts: string[]): Request[] => texts.map((text) => ({ headers: { 'content-type': text } }));
const fraction = (numerator: number, denominator: Of): Match => all({ runtimeFraction: { runtimeKey: 'k', defaultValue: { numerator, denominator } } });

check([
  { name: 'gRPC', match: all({ grpc: {} }), yes: type('application/grpc', 'application/grpc+proto'), no: [...type('application/grpc-web', 'application/grp', 'text/plain'), {}] },
  { name: 'all requests', match: fraction(100, Of.HUNDRED), yes: [{}] },
  { name: 'all requests, in millionths', match: fraction(1_000_000, Of.MILLION), yes: [{}] },
  { name: 'no requests', match: fraction(0, Of.HUNDRED), no: [{}] },
  { name: 'a part of the requests', match: fraction(100, Of.TEN_THOUSAND), unknown: [{}], no: at('*'), listed: ['runtime_fraction'] },
  { name: 'a certificate, which no client presents in plain text', match: all({ tlsContext: { presented: true } }), no: [{}] },
  { name: 'a valid certificate', match: all({ tlsContext: { validated: true } }), no: [{}] },
  { name: 'no certificate', match: all({ tlsContext: { presented: false, validated: false } }), yes: [{}] },
  { name: 'metadata', match: all({ dynamicMetadata: [{ filter: 'f' }] }), unknown: [{}], no: at('*'), listed: ['dynamic_metadata'] },
]);

const undecided = (name: string, regex: string) => ({ name, headerMatchSpecifier: { $case: 'safeRegexMatch' as const, value: { regex } } });

check([
  {
    name: 'several conditions, of which some are not decided',
    match: {
      pathSpecifier: { $case: 'prefix', value: '/api' },
      headers: [undecided('a', `a${NOT_DECIDED}`), { name: 'sure', headerMatchSpecifier: { $case: 'exactMatch', value: 'v' } }, undecided('b', `(x|b${NOT_DECIDED})`)],
    },
    yes: [],
    unknown: [
      { path: '/api', headers: { a: 'ac', sure: 'v', b: 'x' } },
      { path: '/api', headers: { a: 'ac', sure: 'v', b: 'bd' } },
    ],
    no: [
      { path: '/api', headers: { a: 'ac', sure: 'v', b: 'c' } },
      { path: '/api', headers: { a: 'b', sure: 'v', b: 'bd' } },
      { path: '/api', headers: { a: 'ac', sure: 'w', b: 'x' } },
      { path: '/other', headers: { a: 'ac', sure: 'v', b: 'x' } },
    ],
    listed: ['regex', 'regex'],
  },
  {
    name: 'an expression with sure and unsure ways',
    match: { pathSpecifier: { $case: 'safeRegex', value: { regex: `/(static/.*|v${NOT_DECIDED}/x)` } } },
    yes: at('/static/x'),
    unknown: at('/v1/x'),
    no: at('/v1/y', '/dynamic'),
    listed: ['regex'],
  },
]);
