// SPDX-License-Identifier: Apache-2.0

/** So many that at 10,000 entries a copy of one and of the list of all cost about the same; a power of two. */
const SHARDS = 256;

/**
 * A map that is never changed: another one is made of it, with which it shares all but the shards in which they differ. So a
 * change does not cost what does not change, and neither does comparing the two (`differences`). Entries come shard by shard.
 */
export class ShardedMap<V> implements ReadonlyMap<string, V> {
  readonly size: number;
  readonly #shards: readonly ReadonlyMap<string, V>[];

  private constructor(shards: readonly ReadonlyMap<string, V>[], size: number) {
    this.#shards = shards;
    this.size = size;
  }

  static empty<V>(): ShardedMap<V> {
    const shard = new Map<string, V>();
    return new ShardedMap(Array.from({ length: SHARDS }, () => shard), 0);
  }

  /** The same map where nothing is to be done. What is in both `set` and `remove` is set. */
  with(set: Iterable<readonly [string, V]>, remove: Iterable<string>): ShardedMap<V> {
    const shards = [...this.#shards];
    let { size } = this;
    const own = (name: string): Map<string, V> => {
      const i = shardOf(name);
      if (shards[i] === this.#shards[i]) shards[i] = new Map(this.#shards[i]);
      return shards[i] as Map<string, V>;
    };
    for (const name of remove) if (this.has(name) && own(name).delete(name)) size -= 1;
    for (const [name, value] of set) {
      const shard = own(name);
      if (!shard.has(name)) size += 1;
      shard.set(name, value);
    }
    return shards.every((shard, i) => shard === this.#shards[i]) ? this : new ShardedMap(shards, size);
  }

  get(name: string): V | undefined {
    return this.#shards[shardOf(name)]!.get(name);
  }

  has(name: string): boolean {
    return this.#shards[shardOf(name)]!.has(name);
  }

  *entries(): MapIterator<[string, V]> {
    for (const shard of this.#shards) yield* shard;
  }

  *keys(): MapIterator<string> {
    for (const shard of this.#shards) yield* shard.keys();
  }

  *values(): MapIterator<V> {
    for (const shard of this.#shards) yield* shard.values();
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(visit: (value: V, name: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [name, value] of this) visit(value, name, this);
  }

  /** Pairs of shards that are not the same object. */
  *differentShards(other: ShardedMap<V>): Generator<readonly [ReadonlyMap<string, V>, ReadonlyMap<string, V>]> {
    for (let i = 0; i < SHARDS; i += 1) if (this.#shards[i] !== other.#shards[i]) yield [this.#shards[i]!, other.#shards[i]!];
  }
}

/** Names whose values are not the same object in both, or that only one of them has. */
export function* differences<V>(before: ReadonlyMap<string, V>, after: ReadonlyMap<string, V>): Generator<string, void, void> {
  if (before === after) return;
  const pairs = before instanceof ShardedMap && after instanceof ShardedMap ? before.differentShards(after) : [[before, after] as const];
  for (const [old, now] of pairs) {
    for (const [name, value] of now) if (old.get(name) !== value || !old.has(name)) yield name;
    for (const name of old.keys()) if (!now.has(name)) yield name;
  }
}

/** FNV-1a over UTF-16 units, folded to a number of a shard. */
function shardOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 16)) & (SHARDS - 1);
}
