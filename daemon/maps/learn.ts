// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { errnoName } from './errno.js';
import { DataplaneError, withCode } from './errors.js';
import { call, callForPointer, tryCall, tryCallForPointer, type Pointer } from './libbpf.js';
import { cookieKey } from './podCodecs.js';

const PROGRAM = 'km_learn';
const MAP = 'km_learned';
const ENOENT = -2;

/** Whether the object was compiled for a kernel whose programs can tell network namespaces apart. */
export const canLearn = (object: Pointer): boolean => tryCallForPointer('bpf_object__find_program_by_name', object, PROGRAM) !== undefined;

/**
 * The cookie of the network namespace of a socket that `connect` connects: a datagram socket of this process, whose real group id is the
 * one of the settings.
 *
 * The program is attached for this moment, to the whole hierarchy: this process need not be in the cgroup that is steered, and connections of
 * others are not looked at.
 *
 * @param cgroup folder of a cgroup of the hierarchy
 * @param connect returns the cookie of the socket; whether it could be connected does not matter
 * @returns undefined when no program saw it: this process is in no cgroup of the hierarchy as it is mounted here
 * @throws DataplaneError KM_BPF_ATTACH, KM_MAP_ACCESS
 */
export function learnNetnsCookie(object: Pointer, cgroup: string, connect: () => bigint): bigint | undefined {
  const map = callForPointer('bpf_object__find_map_by_name', object, MAP);
  const sock = attached(object, topOf(cgroup), connect);
  const [key, value] = [Buffer.alloc(cookieKey.size), Buffer.alloc(cookieKey.size)];
  cookieKey.write(sock, key, 0);
  const fd = tryCall('bpf_map__fd', map);
  const found = tryCall('bpf_map_lookup_elem', fd, key, value);
  if (found === ENOENT) return undefined;
  if (found < 0) throw new DataplaneError('KM_MAP_ACCESS', `lookup of ${MAP}: ${errnoName(-found)}`);
  withCode('KM_MAP_ACCESS', MAP, () => call('bpf_map_delete_elem', fd, key));
  return cookieKey.read(value, 0);
}

/** The top of the mount that a cgroup is in. */
function topOf(cgroup: string): string {
  const { dev } = fs.statSync(cgroup);
  let folder = fs.realpathSync(cgroup);
  for (let above = path.dirname(folder); above !== folder && fs.statSync(above).dev === dev; above = path.dirname(folder)) folder = above;
  return folder;
}

function attached<T>(object: Pointer, cgroup: string, during: () => T): T {
  const folder = fs.openSync(cgroup, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    const link = withCode('KM_BPF_ATTACH', `${PROGRAM} on ${cgroup}`, () => callForPointer('bpf_program__attach_cgroup', callForPointer('bpf_object__find_program_by_name', object, PROGRAM), folder));
    try {
      return during();
    } finally {
      tryCall('bpf_link__destroy', link);
    }
  } finally {
    fs.closeSync(folder);
  }
}
