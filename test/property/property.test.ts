// SPDX-License-Identifier: Apache-2.0
// Random resources through model, diff and the records of the maps: random connections end where an interpreter of the resources
// says, each endpoint with its part. KMESH_SEED repeats a run, KMESH_CASES sets how many cases it has.
import t from 'tap';
import { createImage, plan } from '../../daemon/diff/plan.js';
import type { Operation } from '../../daemon/diff/operations.js';
import { RECORDS } from '../../daemon/maps/records.js';
import type { Codec } from '../../daemon/maps/codec.js';
import { createModelBuilder } from '../../daemon/model/build.js';
import { connect } from '../daemon/diff/connection.js';
import { Kernel } from '../daemon/diff/interpreter.js';
import { Generator } from './generate.js';
import { meaning } from './meaning.js';
import { Recording, replay, shrink, type Choices } from './tape.js';

const SEED = Number(process.env['KMESH_SEED'] ?? 1);
const CASES = Number(process.env['KMESH_CASES'] ?? 10_000);
const CONNECTIONS = 5;
const SWEEP = { frontends: true, clusters: true, shared: true };

/** A table over hashes gives parts of its entries, not of the numbers. */
const OF_HASHES = 0.03;
const ROUNDING = 2 ** -29;

/** An operation as the bytes of the kernel's maps, and read back. */
function throughBytes(operation: Operation): Operation {
  if (operation.op === 'barrier') return operation;
  const { key, value } = RECORDS[operation.map] as unknown as { readonly key: Codec<unknown>; readonly value: Codec<unknown, unknown> };
  const again = <T>(codec: Codec<T>, item: T): T => {
    const bytes = Buffer.alloc(codec.size);
    codec.write(item, bytes, 0);
    return codec.read(bytes, 0);
  };
  const same = { ...operation, key: again(key, operation.key) };
  return (operation.op === 'put' && operation.value !== null ? { ...same, value: again(value as Codec<unknown>, operation.value) } : same) as Operation;
}

interface Wrong {
  readonly connection: unknown;
  readonly wanted: unknown;
  readonly got: unknown;
}

/** One case: maps that are filled for one mesh and changed for another one. @returns what is wrong. */
function wrongIn(choices: Choices, outcomes?: Map<string, number>): Wrong | undefined {
  const generator = new Generator(choices);
  const build = createModelBuilder();
  const kernel = new Kernel();
  let image = createImage();
  const [before, after] = [generator.resources(), generator.resources()];
  let hashed = false;
  for (const resources of [before, after]) {
    const model = build(resources);
    const planned = plan(image, model, { sweep: SWEEP });
    for (const operation of planned.operations) kernel.apply(throughBytes(operation));
    image = planned.image;
    hashed = [...model.clusters.values()].some((cluster) => cluster.kind === 'endpoints' && cluster.lb === 'source_hash');
  }
  for (let i = 0; i < CONNECTIONS; i += 1) {
    const connection = generator.connection();
    const [wanted, got] = [meaning(after, connection), connect(kernel, connection)];
    for (const outcome of wanted.keys()) {
      const kind = outcome.replace(/^[^a-z].*|^fd.*/, 'endpoint');
      outcomes?.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }
    const tolerance = hashed ? OF_HASHES : ROUNDING;
    const differs = [...new Set([...wanted.keys(), ...got.keys()])].some((outcome) => Math.abs((wanted.get(outcome) ?? 0) - (got.get(outcome) ?? 0)) > tolerance);
    if (differs) return { connection, wanted: [...wanted], got: [...got] };
  }
  return undefined;
}

t.test(`${CASES} cases from seed ${SEED}`, { timeout: 600_000 }, async (t) => {
  const outcomes = new Map<string, number>();
  for (let i = 0; i < CASES; i += 1) {
    const recording = new Recording(SEED * 1_000_003 + i);
    if (!wrongIn(recording, outcomes)) continue;
    const smallest = shrink(recording.written, (choices) => wrongIn(choices) !== undefined);
    const generator = new Generator(replay(smallest));
    generator.resources();
    const { listeners, routes, clusters, endpoints } = generator.resources();
    t.fail('maps and resources say different things', { seed: SEED, case: i, ...wrongIn(replay(smallest)), choices: smallest.join(), resources: JSON.stringify([listeners, routes, clusters, endpoints].map((all) => [...all.values()])).slice(0, 6000) });
    return;
  }
  t.comment(JSON.stringify([...outcomes]));
  for (const outcome of ['endpoint', 'no listener', 'pass 11', 'pass 12', 'refuse 20', 'refuse 21', 'refuse 22', 'refuse 23', 'refuse 24', 'refuse 26']) t.ok((outcomes.get(outcome) ?? 0) >= Math.min(CASES / 200, 25), `${outcome} is met`);
});

t.test('a wrong part is found, and made small', async (t) => {
  const fails = (choices: Choices): boolean => {
    const generator = new Generator(choices);
    return [...generator.resources().listeners.keys()].includes('::_81');
  };
  let seed = 1;
  while (!fails(new Recording(seed))) seed += 1;
  const recording = new Recording(seed);
  fails(recording);
  const smallest = shrink(recording.written, fails);
  t.ok(fails(replay(smallest)), 'what is left still fails');
  t.ok(smallest.length < recording.written.length / 2, `${recording.written.length} choices became ${smallest.length}`);
});
