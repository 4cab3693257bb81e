// SPDX-License-Identifier: Apache-2.0
/** Route tables for people: what the configuration says and what the maps hold read the same. */
import t from 'tap';
import { configDump, mapsView } from '../../../daemon/admin/views.js';
import type { Applied } from '../../../daemon/applied.js';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { Counters, L7State } from '../../../daemon/maps/dataplane.js';
import type { RouteStep, RouteTable } from '../../../daemon/model/routeTable.js';
import { newBudget } from '../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../daemon/model/routing/regex/compile.js';
import { Kernel } from '../diff/interpreter.js';
import { endpointCluster, endpoints, frontend, model } from '../diff/models.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const steps: readonly RouteStep[] = [
  { op: 'field', field: 'path', then: 1, otherwise: 8 },
  { op: 'compare', bytes: bytes('/a"b'), offset: 0, fromEnd: false, ignoreCase: false, then: 2, otherwise: 3 },
  { op: 'length', is: 'exactly', bytes: 4, then: 9, otherwise: 3 },
  { op: 'compare', bytes: bytes('.png'), offset: 4, fromEnd: true, ignoreCase: true, then: 9, otherwise: 4 },
  { op: 'header', name: 'end-user', then: 5, otherwise: 6 },
  { op: 'contains', bytes: bytes('x'), ignoreCase: false, then: 10, otherwise: 6 },
  { op: 'param', name: 'n', then: 7, otherwise: 8 },
  { op: 'range', start: 1n, end: 5n, then: 10, otherwise: 11 },
  { op: 'default', why: 'undecidable' },
  { op: 'target', target: { kind: 'cluster', cluster: 'a' } },
  { op: 'target', target: { kind: 'split', clusters: [{ cluster: 'a', weight: 80 }, { cluster: 'b', weight: 20 }] } },
  { op: 'automaton', automaton: compileRegex('/[^/]+', true, newBudget()).automaton!, regex: '/[^/]+', then: 12, otherwise: 13, unsure: 13 },
  { op: 'default', why: 'no_route' },
  { op: 'default', why: 'undecidable' },
];
const table: RouteTable = {
  name: '80',
  ignorePort: true,
  virtualHosts: [
    { name: 'shop:80', domains: [{ kind: 'exact', text: 'shop' }, { kind: 'suffix', text: '.shop' }, { kind: 'prefix', text: 'shop.' }], program: { steps } },
    { name: 'allow_any', domains: [{ kind: 'any', text: '' }], program: { steps: [{ op: 'target', target: { kind: 'pass', reason: 'passthrough' } }] } },
  ],
};
const mesh = model([frontend('10.0.0.1', { kind: 'cluster', cluster: 'a' }, 'l', 80, '80')], ['a', 'b'].map((name) => endpointCluster(name, endpoints('10.1.0.', 1))), [table]);
const off: L7State = { state: 'off', reason: 'no module' };

const PROGRAM = [
  '0: field path, else 8',
  '1: compare "/a\\"b" at 0, else 3',
  '2: length = 4, then 9, else 3',
  '3: compare ".png" in any case 4 before the end, then 9, else 4',
  '4: header end-user, else 6',
  '5: contains "x", then 10, else 6',
  '6: param n, else 8',
  '7: integer in [1, 5), then 10, else 11',
  '8: default (undecidable)',
  '9: to a',
];

const ENDS = ['12: default (no_route)', '13: default (undecidable)'];

t.test('/config_dump', async (t) => {
  const applied: Applied = { model: mesh, resources: undefined, appliedAt: new Date(0), stale: false, error: undefined, operations: 0, durationMs: 0 };
  t.match(configDump(applied, new Map(), undefined, off), {
    routingByRequests: off,
    frontends: [{ address: '10.0.0.1:80', routes: '80' }],
    routeTables: [
      {
        name: '80',
        ignorePort: true,
        virtualHosts: [
          { name: 'shop:80', domains: ['shop', '*.shop', 'shop.*'], program: [...PROGRAM, '10: to 80 x a, 20 x b', '11: matches "/[^/]+", else 13', ...ENDS] },
          { name: 'allow_any', domains: ['*'], program: ['0: pass (passthrough)'] },
        ],
      },
    ],
  });
});

t.test('/bpf/kmesh/maps', async (t) => {
  const kernel = new Kernel();
  for (const operation of plan(createImage(), mesh, { sweep: { frontends: true, clusters: true, shared: true } }).operations) kernel.apply(operation);
  const counters = { listeners: new Map(), clusters: new Map(), endpoints: new Map(), reasons: {}, l7: { routed: 7 } } as unknown as Counters;
  const module = { abi: 1, accepting: true, counters: { takeovers: 8 } };
  const view = mapsView(kernel.contents(), counters, module) as { routeTables: { virtualHosts: { name: string }[] }[] };
  t.match(view, { frontends: [{ routes: '80' }], counters: { requests: { routed: 7 } }, module });
  const [stored] = view.routeTables;
  t.match(stored, { name: '80', ignorePort: true });
  t.match(stored?.virtualHosts.find(({ name }) => name === 'shop:80'), { domains: ['*.shop', 'shop', 'shop.*'], program: [...PROGRAM, '10: to 80 % a, 20 % b', '11: matches automaton 1, else 13', ...ENDS] });
  t.match(stored?.virtualHosts.find(({ name }) => name === 'allow_any'), { domains: ['*'], program: ['0: pass (passthrough)'] });
  t.match(mapsView(kernel.contents(), counters, undefined), { module: 'not loaded' });
});
