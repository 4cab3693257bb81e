// SPDX-License-Identifier: Apache-2.0
import { call, tryCall, type Pointer } from './libbpf.js';

/** What a map is, but for what is in it. */
export interface Shape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export function shapeOf(map: Pointer): Shape {
  return {
    type: tryCall('bpf_map__type', map),
    keySize: tryCall('bpf_map__key_size', map),
    valueSize: tryCall('bpf_map__value_size', map),
    maxEntries: tryCall('bpf_map__max_entries', map),
    flags: tryCall('bpf_map__map_flags', map),
  };
}

/** struct bpf_map_info (uapi bpf.h): type, id, key size, value size, entries, flags; more follows. */
export function shapeOfFd(fd: number): Shape {
  const info = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(info.length);
  call('bpf_obj_get_info_by_fd', fd, info, length);
  return {
    type: info.readUInt32LE(0),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
  };
}

/** Whether one can stand for the other; sizes may differ. */
export function sameForm(a: Shape, b: Shape): boolean {
  return a.type === b.type && a.keySize === b.keySize && a.valueSize === b.valueSize && a.flags === b.flags;
}
