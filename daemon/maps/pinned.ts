// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import type { MapContents } from '../diff/operations.js';
import { DataplaneError } from './errors.js';
import { tryCall } from './libbpf.js';
import { BpfMap } from './map.js';
import { checkPinRoot, mapsFolder, otherMapsFolders } from './pins.js';
import { readContents, readCounters, type Counters } from './read.js';
import { ALL_MAP_NAMES, RECORDS, type AnyMapName } from './records.js';
import { shapeOfFd } from './shape.js';

export interface PinnedMaps {
  readonly contents: MapContents;
  readonly counters: Counters;
}

/**
 * What the maps hold that are in force: those that a daemon pinned, whether it runs or not. Nothing is changed.
 *
 * @throws DataplaneError KM_BPF_FS where none of this layout are pinned, KM_MAP_ACCESS.
 */
export function readPinnedMaps(pinRoot: string): PinnedMaps {
  checkPinRoot(pinRoot);
  const maps: Partial<Record<AnyMapName, BpfMap>> = {};
  try {
    for (const name of ALL_MAP_NAMES) maps[name] = openPinned(pinRoot, name);
    const all = maps as Record<AnyMapName, BpfMap>;
    return { contents: readContents(all), counters: readCounters(all) };
  } finally {
    for (const map of Object.values(maps)) fs.closeSync(map.fd);
  }
}

function openPinned(pinRoot: string, name: AnyMapName): BpfMap {
  const file = path.join(mapsFolder(pinRoot), name);
  const fd = tryCall('bpf_obj_get', file);
  if (fd < 0) throw new DataplaneError('KM_BPF_FS', `${file} cannot be opened: ${whyNot(pinRoot, file)}`);
  const shape = shapeOfFd(fd);
  const record = name in RECORDS ? RECORDS[name as keyof typeof RECORDS] : undefined;
  if (record && (shape.keySize !== record.key.size || shape.valueSize !== record.value.size)) {
    fs.closeSync(fd);
    throw new DataplaneError('KM_MAP_ACCESS', `${file} has records of another form than this program reads`);
  }
  return new BpfMap({ name, fd, ...shape });
}

function whyNot(pinRoot: string, file: string): string {
  if (fs.existsSync(file)) return 'it is no map, or this user may not';
  const others = otherMapsFolders(pinRoot).map((folder) => path.basename(folder));
  return others.length > 0 ? `there are maps of another version only (${others.join(', ')})` : 'kmesh-daemon has not been in force here, or was cleaned up';
}
