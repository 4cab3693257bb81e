// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { DataplaneError, LibbpfError, withCode } from './errors.js';
import { ENUMS, STRUCTS } from './layout.js';
import { canLearn } from './learn.js';
import { call, callForEffect, callForPointer, callForString, tryCall, tryCallForPointer, type Pointer } from './libbpf.js';
import { BpfMap } from './map.js';
import { adoptMaps, type DeclaredMaps, type KeptSize } from './mapSet.js';
import { ALL_MAP_NAMES, MAP_NAMES, RECORDS, type AnyMapName, type MapSizes } from './records.js';
import { shapeOf } from './shape.js';

export interface LoadedObject {
  readonly object: Pointer;
  readonly declared: DeclaredMaps;
  readonly maps: Readonly<Record<AnyMapName, BpfMap>>;
  /** The maps are those that an earlier process pinned. */
  readonly adopted: boolean;
  /** The maps are new, but for those that another set has, too. */
  readonly sharing: boolean;
  readonly keptSizes: readonly KeptSize[];
  /** Why the kernel does not let programs read requests; undefined when it does. */
  readonly requestsRefused: string | undefined;
  /** Why the programs cannot tell pods apart, where they were to; undefined when they can. */
  readonly podsRefused: string | undefined;
}

/** Whose connections the programs look at. `labelled`: those of the network namespaces in km_pod. */
export type Manage = 'all' | 'labelled';

/**
 * Loads the object's programs with the pinned maps, if there is a whole set of the same form, else with new
 * ones, of which nothing is pinned yet. A set with holes is not adopted: its records name ids that are in the holes.
 *
 * A kernel that refuses the programs is asked again with less: without the helpers of Kmesh's own kernel patches, then
 * without the code that reads requests. One that is locked down for confidentiality has no bpf_probe_read_kernel, and
 * connections are steered there all the same. One that does not tell network namespaces apart gets programs that let everything pass,
 * where the pods in the mesh were to be told from others.
 *
 * @throws DataplaneError KM_BPF_OBJECT, KM_BPF_LOAD, KM_BPF_MEMORY, KM_BPF_FS.
 */
export function loadObject(from: Source, ownGid: number, manage: Manage): LoadedObject {
  if (manage === 'all') return loadForMost(from, ownGid, 'all');
  try {
    return loadForMost(from, ownGid, 'listed');
  } catch (error) {
    const podsRefused = refusal(error);
    return { ...loadForMost(from, ownGid, 'none'), podsRefused };
  }
}

/** What is loaded, and with which maps. */
export interface Source {
  readonly objectFile: string;
  readonly pinRoot: string;
  readonly sizes: MapSizes;
}

function loadForMost(from: Source, ownGid: number, manage: Settings['manage']): LoadedObject {
  let requestsRefused: string | undefined;
  for (const vendor of [true, false]) {
    try {
      return loadWith({ ownGid, requests: true, vendor, manage }, from);
    } catch (error) {
      requestsRefused = refusal(error);
    }
  }
  return { ...loadWith({ ownGid, requests: false, vendor: false, manage }, from), requestsRefused };
}

/** struct km_settings. */
interface Settings {
  readonly ownGid: number;
  readonly requests: boolean;
  readonly vendor: boolean;
  readonly manage: keyof typeof ENUMS.km_manage;
}

function loadWith(settings: Settings, { objectFile, pinRoot, sizes }: Source): LoadedObject {
  const object = openObject(objectFile);
  try {
    const declared = declaredMaps(object, objectFile);
    setSizes(declared, sizes);
    setSettings(object, objectFile, settings);
    const reuse = adoptMaps(declared, pinRoot);
    loadPrograms(object, objectFile);
    const podsRefused = settings.manage === 'listed' && !canLearn(object) ? 'the programs were compiled for a kernel without the helper get_netns_cookie' : undefined;
    return { object, declared, maps: openMaps(declared), ...reuse, requestsRefused: undefined, podsRefused };
  } catch (error) {
    closeObject(object);
    throw error;
  }
}

/** The kernel charges maps to the memory cgroup of who makes them (kernel/bpf/syscall.c, bpf_map_save_memcg), and says ENOMEM at its limit. */
function loadPrograms(object: Pointer, objectFile: string): void {
  try {
    call('bpf_object__load', object);
  } catch (error) {
    if (!(error instanceof LibbpfError)) throw error;
    throw new DataplaneError(error.errno === 'ENOMEM' ? 'KM_BPF_MEMORY' : 'KM_BPF_LOAD', `${objectFile}: ${error.message}`, { cause: error });
  }
}

/** Of the kernel: what the verifier said last, before its statistics; else the first line of the error. Any other error is thrown on. */
function refusal(error: unknown): string {
  if (!(error instanceof DataplaneError) || error.code !== 'KM_BPF_LOAD') throw error;
  const lines = (error.cause instanceof LibbpfError ? error.cause.message : error.message).split('\n');
  const statistics = lines.findIndex((line) => /^processed \d+ insns/.test(line));
  return (statistics > 0 ? lines[statistics - 1] : lines[0])!.trim();
}

/** Frees the object and closes its maps and programs; what is pinned stays in force. */
export function closeObject(object: Pointer): void {
  callForEffect('bpf_object__close', object);
}

function openObject(file: string): Pointer {
  if (!fs.existsSync(file)) throw new DataplaneError('KM_BPF_OBJECT', `${file} does not exist`);
  return withCode('KM_BPF_OBJECT', file, () => callForPointer('bpf_object__open_file', file, null));
}

function* mapsOf(object: Pointer): Generator<readonly [string, Pointer]> {
  for (let map = tryCallForPointer('bpf_object__next_map', object, null); map !== undefined; map = tryCallForPointer('bpf_object__next_map', object, map)) {
    yield [callForString('bpf_map__name', map), map];
  }
}

/** The maps of the object, held to the sizes that layout.ts knows: the kernel would read past short buffers. */
function declaredMaps(object: Pointer, file: string): DeclaredMaps {
  const all = new Map(mapsOf(object));
  const declared = new Map<AnyMapName, Pointer>();
  for (const name of ALL_MAP_NAMES) {
    const map = all.get(name);
    if (map === undefined) throw new DataplaneError('KM_BPF_OBJECT', `${file} has no map ${name}`);
    declared.set(name, map);
  }
  for (const name of MAP_NAMES) {
    const { key, value } = RECORDS[name];
    const shape = shapeOf(declared.get(name)!);
    if (shape.keySize !== key.size || shape.valueSize !== value.size) {
      throw new DataplaneError('KM_BPF_OBJECT', `${file}: ${name} has ${shape.keySize}+${shape.valueSize} bytes, this daemon writes ${key.size}+${value.size}`);
    }
  }
  return declared;
}

function setSizes(declared: DeclaredMaps, sizes: MapSizes): void {
  for (const name of MAP_NAMES) call('bpf_map__set_max_entries', declared.get(name)!, RECORDS[name].entries(sizes));
}

/** km_settings is the only constant of the programs, so .rodata is this one struct. */
function setSettings(object: Pointer, file: string, { ownGid, requests, vendor, manage }: Settings): void {
  const { size, fields } = STRUCTS.km_settings;
  const [, rodata] = [...mapsOf(object)].find(([name]) => name.endsWith('.rodata')) ?? [];
  const value = Buffer.alloc(size);
  value.writeUInt32LE(ownGid, fields.own_gid);
  value.writeUInt32LE(requests ? 1 : 0, fields.requests);
  value.writeUInt32LE(vendor ? 1 : 0, fields.vendor);
  value.writeUInt32LE(ENUMS.km_manage[manage], fields.manage);
  if (rodata === undefined || shapeOf(rodata).valueSize !== size) throw new DataplaneError('KM_BPF_OBJECT', `${file}: .rodata is not km_settings alone`);
  call('bpf_map__set_initial_value', rodata, value, size);
}

function openMaps(declared: DeclaredMaps): Record<AnyMapName, BpfMap> {
  const open = [...declared].map(([name, map]) => [name, new BpfMap({ name, fd: tryCall('bpf_map__fd', map), ...shapeOf(map) })]);
  return Object.fromEntries(open) as Record<AnyMapName, BpfMap>;
}
