// SPDX-License-Identifier: Apache-2.0
// The table of requests before any kernel sees it: what it expects is what Envoy's rules say, and nothing is left out.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { RouteConfiguration as RouteConfigurationMessage } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { DiscoveryResponse } from '../../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import { choose, clustersOf, type RouteConfiguration } from './envoyRules.js';
import { expected, portOf, RequestTable, type Case } from './table.js';

const table = new RequestTable(path.resolve('test/vm/requests'));
const CASES = table.cases;

const KINDS = `path prefix path-separated any-case method header-exact header-prefix header-suffix header-contains header-present header-invert
header-range header-joined query weighted regex first-match host-exact host-suffix host-prefix host-any host-port authority mapped body
default tls http2 too-large too-late cut garbage bad redirect refused`.split(/\s+/);

t.test('the table holds 100 cases and every kind', async (t) => {
  t.ok(CASES.length >= 100, `${CASES.length} cases`);
  t.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length, 'names are unique');
  const shown = new Set(CASES.flatMap(({ shows }) => shows));
  t.same([...shown].sort(), [...KINDS].sort(), 'each kind has a case, and no kind is misspelt');
  t.ok(CASES.filter(({ clients }) => clients).length >= 12, 'every client gets a dozen');
});

/** What a case must expect by the second opinion; undefined where it has none. */
function demanded(one: Case): readonly string[] | 'default' | undefined {
  if (one.method === undefined || one.default === 'not_complete' || one.default === 'undecidable') return undefined;
  const said = table.opinion(one);
  if (said === 'refused') return ['refused'];
  return typeof said === 'string' ? 'default' : said;
}

/** Clusters that listeners of the mesh fall back to, by port. */
const FALLBACK: Readonly<Record<number, string>> = { 80: 'fallback', 8080: 'web', 9080: 'any' };

t.test("what the table expects is what Envoy's rules say", async (t) => {
  let compared = 0;
  for (const one of CASES) {
    const demand = demanded(one);
    const port = portOf(one);
    if (one.default !== undefined) t.same(expected(one), [FALLBACK[port]], `${one.name}: the default decision of port ${port}`);
    if (demand === undefined) continue;
    compared++;
    if (demand === 'default') t.ok(one.default !== undefined, `${one.name}: no route applies`);
    else t.same([...expected(one)].sort(), [...demand].sort(), one.name);
  }
  t.ok(compared > 90, `${compared} cases were compared`);
});

t.test('an undecidable case is one where the expression would decide', async (t) => {
  const undecidable = CASES.filter((one) => one.default === 'undecidable');
  t.ok(undecidable.length > 0);
  for (const one of undecidable) t.same(table.opinion(one), ['never'], `${one.name}: Envoy, which runs the expression, takes its route`);
});

const captures = path.resolve('../shared/fixtures/istiod/rich');

interface Decision {
  readonly request: { readonly method: string; readonly path: string; readonly host: string; readonly headers: Readonly<Record<string, string>> };
  readonly expect: { readonly routeConfig: string; readonly virtualHost: string; readonly route: number; readonly clusters?: readonly { readonly name: string; readonly weight: number }[] };
}

t.test("the second opinion gives gRPC's answers to a real istiod's routes", existsSync(captures) ? {} : { skip: 'no ../shared/fixtures beside the clone' }, async (t) => {
  const configs = capturedRoutes();
  const decisions = JSON.parse(readFileSync(path.join(captures, 'decisions.json'), 'utf8')) as Decision[];
  t.equal(decisions.length, 600);
  const different = decisions.filter(({ request, expect }) => {
    const verdict = choose(configs.get(expect.routeConfig)!, { ...request, target: request.path, headers: Object.entries(request.headers) });
    const got = typeof verdict === 'string' ? [verdict] : [verdict.virtualHost, verdict.index, clustersOf(verdict.route)];
    return JSON.stringify(got) !== JSON.stringify([expect.virtualHost, expect.route, expect.clusters?.map(({ name }) => name)]);
  });
  // gRPC's matcher anchors the expression gold|silver as ^gold|silver$, which "golden" matches; Envoy's RE2::FullMatch does not.
  t.same(different.map(({ request }) => request.headers), [{ 'x-plan': 'golden' }]);
});

function capturedRoutes(): Map<string, RouteConfiguration> {
  const [file] = readdirSync(captures).filter((name) => name.endsWith('-rds.pb'));
  const { resources } = DiscoveryResponse.decode(readFileSync(path.join(captures, file!)));
  const configs = resources.map(({ value }) => asInFiles(RouteConfigurationMessage.decode(value)) as RouteConfiguration);
  return new Map(configs.map((config) => [config.name, config]));
}

/** A decoded message with the names and the shape of proto3 JSON: `{ $case, value }` of a oneof is a field of its own. */
function asInFiles(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asInFiles);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  const fields = Object.entries(value).flatMap(([key, field]): (readonly [string, unknown])[] => {
    if (field === undefined) return [];
    const oneof = field as { readonly $case?: string; readonly value?: unknown } | null;
    const [name, content] = typeof oneof?.$case === 'string' ? [oneof.$case, oneof.value] : [key, field];
    return [[name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`), asInFiles(content)]];
  });
  return Object.fromEntries(fields);
}
