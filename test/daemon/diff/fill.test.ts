// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { fillOf } from '../../../daemon/diff/fill.js';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import { Kernel } from './interpreter.js';
import { random, randomModel } from './models.js';

t.test('the numbers of entries are those of the maps', async (t) => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const below = random(seed);
    const kernel = new Kernel();
    let image = createImage();
    for (let i = 0; i < 3; i += 1) {
      const planned = plan(image, randomModel(below), { sweep: { frontends: true, clusters: true, shared: true } });
      for (const operation of planned.operations) kernel.apply(operation);
      image = planned.image;
      const fill = fillOf(image);
      const entries = Object.fromEntries(Object.keys(fill).map((name) => [name, kernel.maps[name as keyof typeof fill].size]));
      if (JSON.stringify(fill) !== JSON.stringify(entries)) t.same(fill, entries, `seed ${seed}, step ${i}`);
    }
  }
  t.pass('held');
});
