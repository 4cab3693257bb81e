// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import type { ResourceKind } from '../../../daemon/xds/kinds.js';
import { parseFile } from '../../../daemon/xds/parse.js';

const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

/** Names that a file yields, by kind. */
function names(path: string, text: string): Partial<Record<ResourceKind, string[]>> {
  const { resources } = parseFile(path, text);
  const clusters = resources.clusters.map(({ value }) => Cluster.decode(value).name);
  const routes = resources.routes.map(({ value }) => RouteConfiguration.decode(value).name);
  return { ...(clusters.length > 0 && { clusters }), ...(routes.length > 0 && { routes }) };
}

const json = (value: unknown): string => JSON.stringify(value);
const cluster = (name: string) => ({ '@type': CLUSTER, name });

const shapes: readonly [string, string, string][] = [
  ['one resource', 'a.json', json(cluster('a'))],
  ['a list', 'a.json', json([cluster('a')])],
  ['a resource without a type', 'a.yaml', 'name: a\nconnect_timeout: 1s\n'],
  ['camelCase', 'a.yaml', 'name: a\nedsClusterConfig: {}\n'],
  ['a DiscoveryResponse', 'a.json', json({ version_info: '1', resources: [cluster('a')] })],
  ['a wrapped resource', 'a.json', json({ '@type': 'type.googleapis.com/envoy.service.discovery.v3.Resource', name: 'a', resource: cluster('a') })],
  ['the v2 type name', 'a.json', json({ '@type': 'type.googleapis.com/envoy.api.v2.Cluster', name: 'a' })],
  ['a bootstrap', 'a.yaml', 'static_resources:\n  clusters:\n  - name: a\n    type: STATIC\n'],
  ['one section of a dump', 'a.json', json({ '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump', dynamic_active_clusters: [{ cluster: cluster('a') }] })],
  ['YAML documents, one of them empty', 'a.yml', `---\n# nothing\n---\n'@type': ${CLUSTER}\nname: a\n`],
  ['fields and values that no definition has', 'a.json', json({ ...cluster('a'), of_tomorrow: 1, lb_policy: 'OF_TOMORROW' })],
];

for (const [what, path, text] of shapes) {
  t.test(`reads ${what}`, async (t) => {
    t.strictSame(names(path, text), { clusters: ['a'] });
  });
}

t.test('nothing is in an empty list', async (t) => {
  t.strictSame(names('a.yaml', '[]'), {});
});

t.test('of a dump: the version in force; else the warming one; never one that was refused', async (t) => {
  const listener = (port: number) => ({ '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: `l${port}`, address: { socket_address: { address: '192.0.2.1', port_value: port } } });
  const dump = {
    '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
    dynamic_listeners: [
      { name: 'both', active_state: { listener: listener(1) }, error_state: { failed_configuration: listener(9), details: 'no' } },
      { name: 'warming', warming_state: { listener: listener(2) } },
      { name: 'refused', error_state: { failed_configuration: listener(3), details: 'no' } },
      { name: 'leaving', draining_state: { listener: listener(4) } },
    ],
  };
  const { resources, notes } = parseFile('dump.json', json({ configs: [dump] }));
  t.equal(resources.listeners.length, 2);
  t.match(notes, [/dump\.json: listeners: refused was never accepted/, /leaving/]);
});

t.test('of a dump: an active cluster beats a warming one of the same name', async (t) => {
  const dump = {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
    dynamicActiveClusters: [{ cluster: { ...cluster('a'), altStatName: 'active' } }],
    dynamicWarmingClusters: [{ cluster: { ...cluster('a'), altStatName: 'warming' } }, { cluster: cluster('b') }],
  };
  const { resources } = parseFile('dump.json', json(dump));
  t.match(resources.clusters.map(({ value }) => Cluster.decode(value)), [{ name: 'a', altStatName: 'active' }, { name: 'b' }]);
});

t.test('types that have no use here are noted', async (t) => {
  const { resources, notes } = parseFile('a.json', json([{ '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret', name: 's' }, cluster('a')]));
  t.equal(resources.clusters.length, 1);
  t.match(notes, [/item 0 is of type .*Secret/]);
});

t.test('v2: a regular expression stays one, and does not become a route without a condition', async (t) => {
  const v2 = {
    '@type': 'type.googleapis.com/envoy.api.v2.RouteConfiguration',
    name: 'r',
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { regex: '/a.*', headers: [{ name: 'h', regex_match: 'b.*' }] }, route: { cluster: 'c' } }] }],
  };
  const { resources } = parseFile('a.json', json(v2));
  t.match(RouteConfiguration.decode(resources.routes[0]!.value).virtualHosts[0]?.routes[0]?.match, {
    pathSpecifier: { $case: 'safeRegex', value: { regex: '/a.*' } },
    headers: [{ headerMatchSpecifier: { $case: 'safeRegexMatch', value: { regex: 'b.*' } } }],
  });
});

t.test('v2: TLS towards the endpoints is not lost', async (t) => {
  const { resources } = parseFile('a.json', json({ '@type': 'type.googleapis.com/envoy.api.v2.Cluster', name: 'a', connect_timeout: '1s', tls_context: { sni: 'x' } }));
  t.match(Cluster.decode(resources.clusters[0]!.value).transportSocket, { name: 'envoy.transport_sockets.tls', configType: { value: { typeUrl: /UpstreamTlsContext$/ } } });
});

const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...'bcdefghij'.split('').map((key, index) => `${key}: &${key} [${Array(10).fill(`*${'abcdefghi'[index]}`).join()}]`)].join('\n');

const broken: readonly [string, string, string, RegExp][] = [
  ['an empty file', 'a.yaml', ' \n', /^a\.yaml: is empty/],
  ['JSON, with the line', 'a.json', '{\n"name": "a",\n"x" 1}', /^a\.json:3: /],
  ['JSON that ends early', 'a.json', '{"name": ', /^a\.json: /],
  ['YAML, with the line', 'a.yaml', 'name: a\ntype: [1,\nx: {\n', /^a\.yaml:[34]: /],
  ['a key that is there twice', 'a.yaml', 'name: a\nname: b\n', /^a\.yaml:2: .*unique/],
  ['a YAML bomb', 'a.yaml', bomb, /^a\.yaml: .*alias/i],
  ['a wrong value, with the resource', 'a.json', json({ ...cluster('a'), connect_timeout: 'soon' }), /^a\.json: clusters "a": .*Duration.*"soon"/],
  ['something else altogether', 'a.yaml', 'apiVersion: v1\nkind: Pod\n', /^a\.yaml: the document has no @type.*apiVersion, kind/],
  ['a bare number', 'a.yaml', '42', /^a\.yaml: the document is not a resource but 42/],
  ['nesting without end', 'a.json', '['.repeat(100_000), /^a\.json: /],
  ['nesting without end that is valid', 'a.json', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, /^a\.json: /],
  ['a Kmesh address that is none', 'a.json', json({ staticResources: { listenerConfigs: [{ name: 'l', address: { port: 99999, ipv4: 1 } }] } }), /^a\.json: .*99999.* is not an address/],
];

for (const [what, path, text, message] of broken) {
  t.test(`refuses ${what}`, async (t) => {
    t.throws(() => parseFile(path, text), { code: 'KM_XDS_FILE', message });
  });
}

t.test('a key named __proto__ is data', async (t) => {
  parseFile('a.json', '{"staticResources":{"listenerConfigs":[{"name":"l","__proto__":{"polluted":true},"filterChains":[{"__proto__":{"polluted":true}}]}]}}');
  t.notOk('polluted' in {});
});
