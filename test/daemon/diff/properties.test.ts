// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { Operation } from '../../../daemon/diff/operations.js';
import type { MeshModel } from '../../../daemon/model/types.js';
import { Kernel } from './interpreter.js';
import type { Outcomes } from './interpreter.js';
import { expected, model, random, randomModel } from './models.js';

const SWEEP = { frontends: true, clusters: true };
const RUNS = 60;
const STEPS = 12;

/**
 * What may happen to a frontend while `from` becomes `to`: its old or new target, through each of its clusters as
 * they were or are to be. A refusal only if the old or the new model refuses.
 */
function allowed(key: string, from: MeshModel, to: MeshModel): (outcome: string) => boolean {
  const [before, after] = [from.frontends.get(key)!, to.frontends.get(key)!];
  const outcomes = new Set<string>();
  // An IPv6 socket takes IPv4 endpoints until the first IPv6 one is there.
  for (const f of [before, after]) for (const m of [from, to]) for (const socket of [4, f.family] as const) for (const outcome of expected(f.target, m.clusters, socket).keys()) outcomes.add(outcome);
  const refusals = [...expected(before.target, from.clusters, before.family).keys(), ...expected(after.target, to.clusters, after.family).keys()].filter((o) => o.startsWith('refuse'));
  return (outcome) => (outcome.startsWith('refuse') ? refusals.length > 0 && outcomes.has(outcome) : outcomes.has(outcome));
}

function equal(got: Outcomes, want: Outcomes): boolean {
  return [...new Set([...got.keys(), ...want.keys()])].every((outcome) => Math.abs((got.get(outcome) ?? 0) - (want.get(outcome) ?? 0)) <= 2 ** -31);
}

/** Counters come with each new id. */
const given = (operations: readonly Operation[]): string[] =>
  operations.flatMap((o) => (o.op === 'put' && o.value === null ? [`${o.map} ${JSON.stringify(o.key)}`] : []));

t.test(`after each single operation no address is without an answer (${RUNS} runs of ${STEPS} random models)`, (t) => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const below = random(seed);
    const kernel = new Kernel();
    let image = createImage();
    let from = model([], []);
    const everGiven = new Set<string>();
    for (let i = 0; i < STEPS; i += 1) {
      const to = below(10) === 0 ? model([], []) : randomModel(below);
      const planned = plan(below(3) === 0 ? createImage(kernel.contents()) : image, to, { sweep: SWEEP });
      const checks = [...to.frontends].filter(([key]) => from.frontends.has(key)).map(([key, f]) => ({ f, may: allowed(key, from, to) }));
      for (const [n, operation] of planned.operations.entries()) {
        kernel.apply(operation);
        for (const { f, may } of checks) {
          const wrong = [...kernel.resolve(f).keys()].find((outcome) => !may(outcome));
          if (wrong !== undefined) t.fail('a hole', { seed, step: i, n, operation, f, wrong });
        }
      }
      for (const f of to.frontends.values()) {
        if (!equal(kernel.resolve(f), expected(f.target, to.clusters, f.family))) t.fail('not what the model says', { seed, step: i, f });
      }
      for (const id of given(planned.operations)) {
        if (everGiven.has(id)) t.fail('an id is given out twice', { seed, step: i, id });
        everGiven.add(id);
      }
      if (plan(planned.image, to, { sweep: SWEEP }).operations.length > 0) t.fail('a second plan finds something to do', { seed, step: i });
      if (plan(createImage(kernel.contents()), to, { sweep: SWEEP }).operations.length > 0) t.fail('a restart finds something to do', { seed, step: i });
      image = planned.image;
      from = to;
    }
  }
  t.pass('held');
  t.end();
});

t.test('the check bites: the same operations in reverse leave holes', (t) => {
  const below = random(3);
  const kernel = new Kernel();
  const to = randomModel(below);
  let holes = 0;
  for (const operation of plan(createImage(), to, { sweep: SWEEP }).operations.reverse()) {
    kernel.apply(operation);
    for (const f of to.frontends.values()) if ([...kernel.resolve(f).keys()].some((outcome) => outcome.startsWith('error'))) holes += 1;
  }
  t.ok(holes > 0);
  t.end();
});
