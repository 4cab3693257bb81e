// SPDX-License-Identifier: Apache-2.0
// A map that shares with others what they have in common, against the built-in one.
import t from 'tap';
import { differences, ShardedMap } from '../../../daemon/model/shardedMap.js';
import { random } from '../diff/models.js';

const NAMES = Array.from({ length: 2000 }, (_, i) => `outbound|80||svc-${i}.ns-${i % 7}.svc.cluster.local`);

t.test('holds what a built-in map holds, and knows what differs', async (t) => {
  const below = random(5);
  let map = ShardedMap.empty<number>();
  let model = new Map<string, number>();
  for (let step = 0; step < 80; step += 1) {
    const most = step % 10 === 0 ? 500 : 5;
    const set = Array.from({ length: below(most) }, () => [NAMES[below(NAMES.length)]!, below(3)] as const);
    const remove = Array.from({ length: below(most) }, () => NAMES[below(NAMES.length)]!);
    const [before, modelBefore] = [map, model];
    map = map.with(set, remove);
    model = new Map(model);
    for (const name of remove) model.delete(name);
    for (const [name, value] of set) model.set(name, value);
    t.equal(map.size, model.size);
    t.same(new Map(map), model);
    t.same(new Map(before), modelBefore, 'the one before is as it was');
    const expected = NAMES.filter((name) => model.get(name) !== modelBefore.get(name));
    t.same([...differences(before, map)].sort(), expected.sort());
    t.same([...differences(modelBefore, map)].sort(), expected.sort(), 'also against another kind of map');
    const name = NAMES[below(NAMES.length)]!;
    t.equal(map.get(name), model.get(name));
    t.equal(map.has(name), model.has(name));
  }
  const visited: [string, number][] = [];
  map.forEach((value, name) => visited.push([name, value]));
  t.same(visited, [...map.entries()]);
  t.same([...map.keys()], visited.map(([name]) => name));
  t.same([...map.values()], visited.map(([, value]) => value));
});

t.test('a change of one entry is found without a look at the others', async (t) => {
  const map = ShardedMap.empty<number>().with(NAMES.map((name, i) => [name, i] as const), []);
  const next = map.with([[NAMES[3]!, -1]], []);
  const shards = [...map.differentShards(next)];
  t.equal(shards.length, 1);
  t.ok(shards[0]![0].size < NAMES.length / 50, `${shards[0]![0].size} entries in the shard`);
  t.equal(map.with([], ['not there']), map, 'nothing to do');
});
