// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createImage, plan } from '../../../daemon/diff/plan.js';
import type { Operation } from '../../../daemon/diff/operations.js';
import type { Frontend, MeshModel } from '../../../daemon/model/types.js';
import type { Request } from '../model/routing/walk.js';
import { Kernel } from './interpreter.js';
import type { Outcomes } from './interpreter.js';
import { expected, model, random, randomModel, REQUESTS } from './models.js';
import { expectedOfRequest, resolveRequest } from './requests.js';

const SWEEP = { frontends: true, clusters: true, shared: true };
const RUNS = 40;
const STEPS = 12;

/** Frontends and route tables of one model, clusters of one: what a moment between two models may show. */
interface View {
  readonly frontend: Frontend;
  readonly tables: MeshModel['routeTables'];
}

type Seen = (view: View, clusters: MeshModel['clusters'], socket: 4 | 6) => Outcomes;

/**
 * What may happen while `from` becomes `to`: the old or the new target, through each of its clusters as they were or are
 * to be. Route tables change before frontends, so that a new frontend meets new tables only. A refusal only where one
 * model refuses, or the one frontend with the other's tables.
 */
function allowed(key: string, from: MeshModel, to: MeshModel, seen: Seen): (outcome: string) => boolean {
  const [before, after] = [from.frontends.get(key)!, to.frontends.get(key)!];
  const old = { frontend: before, tables: from.routeTables };
  const between = { frontend: before, tables: to.routeTables };
  const now = { frontend: after, tables: to.routeTables };
  const outcomes = new Set<string>();
  // An IPv6 socket takes IPv4 endpoints until the first IPv6 one is there.
  for (const view of [old, between, now]) for (const m of [from, to]) for (const socket of [4, view.frontend.family] as const) for (const outcome of seen(view, m.clusters, socket).keys()) outcomes.add(outcome);
  const whole = [seen(old, from.clusters, before.family), seen(now, to.clusters, after.family), seen(between, from.clusters, before.family), seen(between, to.clusters, before.family)];
  const refuses = whole.some((one) => [...one.keys()].some((outcome) => outcome.startsWith('refuse')));
  return (outcome) => outcomes.has(outcome) && (refuses || !outcome.startsWith('refuse'));
}

const connection: Seen = ({ frontend }, clusters, socket) => expected(frontend.target, clusters, socket);
const request = (sent: Request): Seen => ({ frontend, tables }, clusters, socket) => expectedOfRequest({ ...frontend, family: socket }, tables, clusters, sent);

interface Check {
  readonly what: string;
  readonly resolve: (kernel: Kernel) => Outcomes;
  readonly may: (outcome: string) => boolean;
}

/** Each address, and some of the requests to it: all of them would take minutes. */
function checksBetween(from: MeshModel, to: MeshModel, below: (n: number) => number): Check[] {
  return [...to.frontends].filter(([key]) => from.frontends.has(key)).flatMap(([key, f]) => [
    { what: key, resolve: (kernel) => kernel.resolve(f), may: allowed(key, from, to, connection) },
    ...REQUESTS.filter(() => below(7) === 0).map((sent): Check => ({
      what: `${key} ${sent.host} ${sent.path}`,
      resolve: (kernel) => resolveRequest(kernel, f, sent),
      may: allowed(key, from, to, request(sent)),
    })),
  ]);
}

function equal(got: Outcomes, want: Outcomes): boolean {
  return [...new Set([...got.keys(), ...want.keys()])].every((outcome) => Math.abs((got.get(outcome) ?? 0) - (want.get(outcome) ?? 0)) <= 2 ** -31);
}

/** Counters come with each new id. */
const given = (operations: readonly Operation[]): string[] =>
  operations.flatMap((o) => (o.op === 'put' && o.value === null ? [`${o.map} ${JSON.stringify(o.key)}`] : []));

t.test(`after each single operation no address and no request is without an answer (${RUNS} runs of ${STEPS} random models)`, (t) => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const below = random(seed);
    const kernel = new Kernel();
    let image = createImage();
    let from = model([], []);
    const everGiven = new Set<string>();
    for (let i = 0; i < STEPS; i += 1) {
      const to = below(10) === 0 ? model([], []) : randomModel(below);
      const planned = plan(below(3) === 0 ? createImage(kernel.contents()) : image, to, { sweep: SWEEP });
      const checks = checksBetween(from, to, below);
      for (const [n, operation] of planned.operations.entries()) {
        kernel.apply(operation);
        for (const { what, resolve, may } of checks) {
          const wrong = [...resolve(kernel).keys()].find((outcome) => !may(outcome));
          if (wrong !== undefined) t.fail('a hole', { seed, step: i, n, operation, what, wrong });
        }
      }
      for (const f of to.frontends.values()) {
        if (!equal(kernel.resolve(f), expected(f.target, to.clusters, f.family))) t.fail('not what the model says', { seed, step: i, f });
        for (const sent of REQUESTS) {
          if (!equal(resolveRequest(kernel, f, sent), expectedOfRequest(f, to.routeTables, to.clusters, sent))) t.fail('not what the model says', { seed, step: i, f, sent });
        }
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
  let lost = 0;
  for (const operation of plan(createImage(), to, { sweep: SWEEP }).operations.reverse()) {
    kernel.apply(operation);
    for (const f of to.frontends.values()) {
      if ([...kernel.resolve(f).keys()].some((outcome) => outcome.startsWith('error'))) holes += 1;
      for (const sent of REQUESTS) if ([...resolveRequest(kernel, f, sent).keys()].includes('error route')) lost += 1;
    }
  }
  t.ok(holes > 0);
  t.ok(lost > 0, 'for requests too');
  t.end();
});
