// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { withCode } from './errors.js';
import { call, tryCall, type Pointer } from './libbpf.js';
import { makeNextMapsFolder, mapsFolder, otherSets, replaceMaps } from './pins.js';
import { MAP_NAMES, RECORDS, SHARED_MAP_NAMES, type AnyMapName } from './records.js';
import { sameForm, shapeOf, shapeOfFd } from './shape.js';

export type DeclaredMaps = ReadonlyMap<AnyMapName, Pointer>;

/** A pinned map whose size is not the one that was asked for, and that was kept. */
export interface KeptSize {
  readonly map: AnyMapName;
  readonly entries: number;
  readonly wanted: number;
  readonly option: string;
}

export interface Reuse {
  /** All maps are those of the pinned set of this layout. */
  readonly adopted: boolean;
  /** Not all, but those of sockets, counters and names, of a set of this layout that is not whole or of another one. */
  readonly sharing: boolean;
  readonly keptSizes: readonly KeptSize[];
}

/**
 * Has the object use maps that are pinned: the set of its layout where it is whole, else of any set the maps of sockets, counters and
 * names, as far as their form is the same. So the programs of two layouts know the same sockets, and count them in the same place.
 */
export function adoptMaps(declared: DeclaredMaps, pinRoot: string): Reuse {
  const own = usableMaps(declared, mapsFolder(pinRoot));
  try {
    if (own.size === declared.size) {
      const keptSizes = reuse(declared, own);
      return { adopted: true, sharing: false, keptSizes };
    }
  } finally {
    closeAll(own);
  }
  let sharing = false;
  const keptSizes: KeptSize[] = [];
  const missing = new Map(SHARED_MAP_NAMES.map((name) => [name as AnyMapName, declared.get(name)!]));
  for (const folder of [mapsFolder(pinRoot), ...otherSets(pinRoot)]) {
    const found = usableMaps(missing, folder);
    keptSizes.push(...reuse(missing, found));
    sharing ||= found.size > 0;
    for (const name of found.keys()) missing.delete(name);
    closeAll(found);
  }
  return { adopted: false, sharing, keptSizes };
}

/** Fds of the pinned maps of a folder that have the form that is declared. */
function usableMaps(declared: DeclaredMaps, folder: string): Map<AnyMapName, number> {
  const usable = new Map<AnyMapName, number>();
  for (const [name, map] of declared) {
    const fd = tryCall('bpf_obj_get', path.join(folder, name));
    if (fd < 0) continue;
    if (sameForm(shapeOfFd(fd), shapeOf(map))) usable.set(name, fd);
    else fs.closeSync(fd);
  }
  return usable;
}

/** libbpf works with duplicates of the fds. @returns what has another size than is declared. */
function reuse(declared: DeclaredMaps, fds: ReadonlyMap<AnyMapName, number>): KeptSize[] {
  const kept = MAP_NAMES.flatMap((name) => (fds.has(name) ? keptSize(name, declared.get(name)!, fds.get(name)!) : []));
  for (const [name, fd] of fds) call('bpf_map__reuse_fd', declared.get(name)!, fd);
  return kept;
}

function keptSize(map: keyof typeof RECORDS, declared: Pointer, fd: number): KeptSize[] {
  const entries = shapeOfFd(fd).maxEntries;
  const wanted = shapeOf(declared).maxEntries;
  return entries === wanted ? [] : [{ map, entries, wanted, option: RECORDS[map].option }];
}

function closeAll(fds: ReadonlyMap<AnyMapName, number>): void {
  for (const fd of fds.values()) fs.closeSync(fd);
}

/**
 * Pins all maps as the set of their layout, in one moment: whoever finds the set finds it whole.
 *
 * @throws DataplaneError KM_BPF_FS
 */
export function pinMaps(declared: DeclaredMaps, pinRoot: string): void {
  const next = makeNextMapsFolder(pinRoot);
  for (const [name, map] of declared) withCode('KM_BPF_FS', name, () => call('bpf_map__pin', map, path.join(next, name)));
  replaceMaps(pinRoot);
}
