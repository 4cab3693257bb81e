// SPDX-License-Identifier: Apache-2.0
import { ENOTSUPP, errnoName } from './errno.js';
import { DataplaneError } from './errors.js';
import { tryCall } from './libbpf.js';
import { BPF_F_LOCK, type AnyMapName } from './records.js';

/** Entries in one call of a batch: with what it takes to encode them some ten milliseconds, so that the event loop is not held up. */
export const BATCH = 2048;

const ENOENT = -2;
const EEXIST = -17;
const E2BIG = -7;
const ENOSPC = -28;

/** An open map. Keys and values are whole buffers; their sizes are checked here, before the kernel trusts them. */
export class BpfMap {
  readonly name: AnyMapName;
  readonly fd: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** false once the kernel has said that it has no batches for this type of map (LPM tries before 5.14). */
  #batches = true;
  /** One entry, for calls that take one. */
  readonly #key: Buffer;
  readonly #value: Buffer;

  constructor(shape: { name: AnyMapName; fd: number; keySize: number; valueSize: number; maxEntries: number }) {
    this.name = shape.name;
    this.fd = shape.fd;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.#key = Buffer.alloc(shape.keySize);
    this.#value = Buffer.alloc(shape.valueSize);
  }

  /**
   * Writes `count` entries, at most BATCH. With BPF_NOEXIST an entry that is there stays.
   *
   * @throws DataplaneError KM_MAP_ACCESS; `isFull(error)` when there is no room.
   */
  put(keys: Buffer, values: Buffer, count: number, flags: number): void {
    this.#expectSize(keys, this.keySize * count);
    this.#expectSize(values, this.valueSize * count);
    const written = count > 1 ? this.#putBatch(keys, values, count, flags) : 0;
    for (let i = written; i < count; i += 1) this.#putOne(keys, values, i, flags);
  }

  /** @returns how many were written: all, or 0 where batches are not possible. */
  #putBatch(keys: Buffer, values: Buffer, count: number, flags: number): number {
    // The kernel takes no element flag but BPF_F_LOCK in a batch (kernel/bpf/syscall.c, generic_map_update_batch).
    const possible = this.#batches && (flags & ~BPF_F_LOCK) === 0;
    if (!possible) return 0;
    const done = Buffer.alloc(4);
    done.writeUInt32LE(count);
    const result = tryCall('bpf_map_update_batch', this.fd, keys, values, done, batchOptions(flags));
    if (result === -ENOTSUPP) {
      this.#batches = false;
      return 0;
    }
    if (result < 0) throw this.#error('update', result);
    return count;
  }

  #putOne(keys: Buffer, values: Buffer, i: number, flags: number): void {
    keys.copy(this.#key, 0, i * this.keySize, (i + 1) * this.keySize);
    values.copy(this.#value, 0, i * this.valueSize, (i + 1) * this.valueSize);
    const result = tryCall('bpf_map_update_elem', this.fd, this.#key, this.#value, flags);
    if (result < 0 && result !== EEXIST) throw this.#error('update', result);
  }

  /** Removes an entry; one that is not there is no error. */
  delete(key: Buffer): void {
    this.#expectSize(key, this.keySize);
    const result = tryCall('bpf_map_delete_elem', this.fd, key);
    if (result < 0 && result !== ENOENT) throw this.#error('delete', result);
  }

  /** Removes all entries. */
  clear(): void {
    const keys: Buffer[] = [];
    this.each((from, key) => keys.push(Buffer.from(from.subarray(key, key + this.keySize))));
    for (const key of keys) this.delete(key);
  }

  /** The value of a key, `size` bytes of it: per-CPU maps give one value for each possible CPU. */
  lookup(key: Buffer, size = this.valueSize): Buffer {
    this.#expectSize(key, this.keySize);
    const value = Buffer.alloc(size);
    const result = tryCall('bpf_map_lookup_elem', this.fd, key, value);
    if (result < 0) throw this.#error('lookup', result);
    return value;
  }

  /** Visits all entries: `at(keys, keyOffset, values, valueOffset)`. What changes meanwhile may or may not be seen. */
  each(at: (keys: Buffer, key: number, values: Buffer, value: number) => void): void {
    const visit = (keys: Buffer, values: Buffer, count: number): void => {
      for (let i = 0; i < count; i += 1) at(keys, i * this.keySize, values, i * this.valueSize);
    };
    if (!this.#batches || !this.#eachBatch(visit)) this.#eachKey(visit);
  }

  /** @returns false where batches are not possible. */
  #eachBatch(visit: (keys: Buffer, values: Buffer, count: number) => void): boolean {
    const most = Math.min(BATCH, this.maxEntries);
    const keys = Buffer.alloc(most * this.keySize);
    const values = Buffer.alloc(most * this.valueSize);
    // The position: a bucket number of hash maps, a key of others (man bpf, BPF_MAP_LOOKUP_BATCH).
    let from: Buffer | null = null;
    let to: Buffer = Buffer.alloc(Math.max(4, this.keySize));
    for (;;) {
      const count = Buffer.alloc(4);
      count.writeUInt32LE(most);
      const result = tryCall('bpf_map_lookup_batch', this.fd, from, to, keys, values, count, batchOptions(0));
      if (result === -ENOTSUPP && from === null) {
        this.#batches = false;
        return false;
      }
      if (result < 0 && result !== ENOENT) throw this.#error('read', result);
      visit(keys, values, count.readUInt32LE());
      if (result === ENOENT) return true;
      [from, to] = [to, from ?? Buffer.alloc(to.length)];
    }
  }

  #eachKey(visit: (keys: Buffer, values: Buffer, count: number) => void): void {
    let from: Buffer | null = null;
    for (;;) {
      const key = Buffer.alloc(this.keySize);
      const result = tryCall('bpf_map_get_next_key', this.fd, from, key);
      if (result === ENOENT) return;
      if (result < 0) throw this.#error('read', result);
      const value = Buffer.alloc(this.valueSize);
      // Gone between the two calls: the next key is found all the same.
      if (tryCall('bpf_map_lookup_elem', this.fd, key, value) === 0) visit(key, value, 1);
      from = key;
    }
  }

  #expectSize(buffer: Buffer, size: number): void {
    if (buffer.length !== size) throw new RangeError(`${this.name}: ${buffer.length} bytes where the map takes ${size}`);
  }

  #error(doing: string, result: number): DataplaneError {
    // A hash map that is full answers E2BIG, an LPM trie ENOSPC.
    if (doing === 'update' && (result === E2BIG || result === ENOSPC)) {
      return new DataplaneError('KM_MAP_FULL', `${this.name} is full: it takes ${this.maxEntries} entries`);
    }
    return new DataplaneError('KM_MAP_ACCESS', `${doing} of ${this.name}: ${errnoName(-result)}`);
  }
}

/** struct bpf_map_batch_opts: size, element flags, flags. */
function batchOptions(elementFlags: number): Buffer {
  const options = Buffer.alloc(24);
  options.writeBigUInt64LE(24n, 0);
  options.writeBigUInt64LE(BigInt(elementFlags), 8);
  return options;
}
