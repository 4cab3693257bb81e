// SPDX-License-Identifier: Apache-2.0
/** Random resources through model, diff and the kernel's own maps, one configuration after the other: test/property has more of them on an image. */
import t from 'tap';
import { createImage, plan } from '../../daemon/diff/plan.js';
import { createModelBuilder } from '../../daemon/model/build.js';
import { connect } from '../daemon/diff/connection.js';
import { Kernel } from '../daemon/diff/interpreter.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { Generator } from '../property/generate.js';
import { meaning } from '../property/meaning.js';
import { Recording } from '../property/tape.js';
import { openStage } from './stage.js';

const MESHES = 60;
const CONNECTIONS = 30;
/** A table over hashes gives parts of its entries. */
const OF_HASHES = 0.03;

await enterSandbox(import.meta.url);

await t.test(`${MESHES} configurations, ${CONNECTIONS} connections to each`, async (test) => {
  const { dataplane } = openStage({ sizes: { listeners: 200, prefixes: 200, clusters: 200, endpoints: 20_000, splits: 2000, routeTables: 50, virtualHosts: 200, domains: 500, routeSteps: 5000, automata: 20, pods: 1 } });
  test.teardown(() => dataplane.close());
  const build = createModelBuilder();
  let image = createImage();
  for (let seed = 1; seed <= MESHES; seed += 1) {
    const generator = new Generator(new Recording(7000 + seed));
    const resources = generator.resources();
    const planned = plan(image, build(resources), { sweep: { frontends: true, clusters: true, shared: true } });
    await dataplane.apply(planned.operations);
    image = planned.image;
    const kernel = Kernel.of(dataplane.read());
    for (let i = 0; i < CONNECTIONS; i += 1) {
      const connection = generator.connection();
      const [wanted, got] = [meaning(resources, connection), connect(kernel, connection)];
      const differs = [...new Set([...wanted.keys(), ...got.keys()])].some((outcome) => Math.abs((wanted.get(outcome) ?? 0) - (got.get(outcome) ?? 0)) > OF_HASHES);
      if (differs) test.fail('the maps and the resources say different things', { seed, connection, wanted: [...wanted], got: [...got] });
    }
  }
  test.pass('held');
});
