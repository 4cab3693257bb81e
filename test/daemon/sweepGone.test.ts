// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Applied } from '../../daemon/applied.js';
import { createImage, plan } from '../../daemon/diff/plan.js';
import { sweepGone } from '../../daemon/sweepGone.js';
import { endpointCluster, endpoints, frontend, model } from './diff/models.js';

t.test('counts of what is there stay, and all while nobody knows what that is', async (t) => {
  const mesh = model([frontend('10.0.0.1', { kind: 'cluster', cluster: 'a' }, 'vip')], ['a', 'b'].map((name) => endpointCluster(name, endpoints('10.1.0.', 1, 1))));
  const { image } = plan(createImage(), mesh, { sweep: { frontends: true, clusters: true, shared: true } });
  const kept: (readonly [number[], number[]])[] = [];
  const dataplane = { sweepCounts: (listeners: ReadonlySet<number>, clusters: ReadonlySet<number>) => void kept.push([[...listeners], [...clusters].sort()]) };
  const applied = { model: mesh, stale: false } as Applied;
  const said: unknown[] = [];
  const log = { error: (...words: unknown[]) => void said.push(words) };
  sweepGone(dataplane, { applied: { ...applied, model: undefined }, image }, log);
  sweepGone(dataplane, { applied: { ...applied, stale: true }, image }, log);
  t.same(kept, []);
  sweepGone(dataplane, { applied, image }, log);
  t.same(kept, [[[image.listeners.get('vip')!.id], [image.clusters.get('a')!.id, image.clusters.get('b')!.id].sort()]]);
  const broken = { sweepCounts: () => { throw new Error('no'); } };
  sweepGone(broken, { applied, image }, log);
  t.match(said, [[{ err: { message: 'no' } }, /cannot be taken out/]], 'a map that cannot be read is told, and ends nobody');
});
