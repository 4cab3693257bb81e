// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Applied } from '../../daemon/applied.js';
import { readiness } from '../../daemon/readiness.js';
import type { XdsStatus } from '../../daemon/xds/source.js';

const nothing: Applied = { model: undefined, resources: undefined, appliedAt: undefined, stale: false, error: undefined, operations: 0, durationMs: 0 };
const applied: Applied = { ...nothing, appliedAt: new Date(0) };
const adopted: Applied = { ...nothing, stale: true };
const NEVER = { pushes: 0, rejects: 0 };
const none = { listeners: false, routes: false, clusters: false, endpoints: false };
const status = (change: Partial<XdsStatus>): XdsStatus => ({ connected: false, code: undefined, reason: undefined, lastPushAt: undefined, counts: { listeners: NEVER, routes: NEVER, clusters: NEVER, endpoints: NEVER }, nacks: [], notes: [], complete: none, settled: false, ...change });
const off = { state: 'off', reason: 'no module' } as const;
const away = status({ code: 'KM_XDS_UNREACHABLE', reason: 'nobody at 127.0.0.1:1' });

const cases: readonly (readonly [string, boolean, Applied, XdsStatus | undefined, object])[] = [
  ['nothing came yet', false, nothing, undefined, { ready: false, reason: 'waiting for the configuration', waitsFor: 'configuration' }],
  ['the control plane is away', false, nothing, away, { ready: false, code: 'KM_XDS_UNREACHABLE', reason: 'nobody at 127.0.0.1:1', waitsFor: 'configuration' }],
  ['a part came', false, nothing, status({ connected: true }), { ready: false, reason: 'waiting for the rest of the configuration', waitsFor: 'configuration' }],
  ['written, not attached', false, applied, status({ connected: true }), { ready: false, waitsFor: 'itself' }],
  ['written and attached', true, applied, status({ connected: true }), { ready: true, stale: false, waitsFor: undefined }],
  ['adopted, control plane away', true, adopted, away, { ready: true, stale: true, code: 'KM_XDS_UNREACHABLE' }],
  ['a file that could not be read at the first start', true, applied, status({ code: 'KM_XDS_FILE', reason: 'a.yaml' }), { ready: false, code: 'KM_XDS_FILE', reason: 'a.yaml', waitsFor: 'configuration' }],
  ['a file that was broken later', true, applied, status({ code: 'KM_XDS_FILE', reason: 'a.yaml', complete: { listeners: true, routes: true, clusters: true, endpoints: true } }), { ready: true, code: 'KM_XDS_FILE' }],
  ['it could not be written', false, { ...nothing, error: new Error('map full') }, status({ connected: true }), { ready: false, reason: 'map full', waitsFor: 'itself' }],
  ['it could not be written, and the control plane is away since', false, { ...nothing, error: new Error('map full') }, away, { ready: false, waitsFor: 'configuration' }],
];

for (const [name, attached, now, from, expected] of cases) {
  t.test(name, async (t) => {
    t.match(readiness(attached, now, from, off), { ...expected, l7: off });
  });
}
