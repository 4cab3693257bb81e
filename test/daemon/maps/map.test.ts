// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import koffi from 'koffi';
import t from 'tap';
import { BATCH, BpfMap } from '../../../daemon/maps/map.js';
import { enterSandbox } from '../../helpers/sandbox.js';

await enterSandbox(import.meta.url);

/** enum bpf_map_type. */
const HASH = 1;
const DEVMAP_HASH = 25;
/** Interface index of lo, the only value that a device map of the sandbox takes. */
const LO = 1;

const libbpf = koffi.load('libbpf.so.1');
const create = libbpf.func('int bpf_map_create(int type, const char *name, uint32_t keySize, uint32_t valueSize, uint32_t max, const void *options)');

function makeMap(type: number, maxEntries: number): BpfMap {
  const shape = { keySize: 4, valueSize: 4, maxEntries };
  const fd: number = create(type, 'test', shape.keySize, shape.valueSize, maxEntries, null);
  t.teardown(() => fs.closeSync(fd));
  return new BpfMap({ name: 'km_prefix', fd, ...shape });
}

const words = (count: number, of: (i: number) => number): Buffer => {
  const buffer = Buffer.alloc(4 * count);
  for (let i = 0; i < count; i += 1) buffer.writeUInt32LE(of(i), 4 * i);
  return buffer;
};

function contents(map: BpfMap): [number, number][] {
  const found: [number, number][] = [];
  map.each((keys, key, values, value) => found.push([keys.readUInt32LE(key), values.readUInt32LE(value)]));
  return found.sort(([x], [y]) => x - y);
}

await t.test('a type of map without batches is written and read entry by entry', async (test) => {
  // Device maps have no batch operations on any kernel, LPM tries have none before 5.14.
  const map = makeMap(DEVMAP_HASH, 64);
  map.put(words(5, (i) => i + 1), words(5, () => LO), 5, 0);
  test.same(contents(map), [1, 2, 3, 4, 5].map((key) => [key, LO]));
  map.delete(words(1, () => 3));
  map.delete(words(1, () => 3));
  test.same(contents(map), [1, 2, 4, 5].map((key) => [key, LO]));
});

await t.test('entries are read over several batches, each once', async (test) => {
  const count = 3 * BATCH + 7;
  const map = makeMap(HASH, count);
  for (let from = 0; from < count; from += BATCH) {
    const n = Math.min(BATCH, count - from);
    map.put(words(n, (i) => from + i), words(n, (i) => 2 * (from + i)), n, 0);
  }
  test.same(contents(map), Array.from({ length: count }, (_, i) => [i, 2 * i]));
});

await t.test('buffers of another size never reach the kernel', async (test) => {
  const map = makeMap(HASH, 4);
  const word = Buffer.alloc(4);
  const short = Buffer.alloc(3);
  test.throws(() => map.put(short, word, 1, 0), { name: 'RangeError', message: /3 bytes where the map takes 4/ });
  test.throws(() => map.put(word, short, 1, 0), { name: 'RangeError' });
  test.throws(() => map.put(word, word, 2, 0), { name: 'RangeError', message: /4 bytes where the map takes 8/ });
  test.throws(() => map.delete(short), { name: 'RangeError' });
  test.throws(() => map.lookup(short), { name: 'RangeError' });
  test.throws(() => map.lookup(word), { code: 'KM_MAP_ACCESS', message: /lookup of km_prefix: ENOENT/ });
});
