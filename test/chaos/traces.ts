// SPDX-License-Identifier: Apache-2.0
/** What a node may leak: counted, so that two moments can be compared. */
import fs from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import { mountTable } from '../helpers/mountTable.js';

const libbpf = koffi.load('libbpf.so.1');
const nextId = {
  programs: libbpf.func('int bpf_prog_get_next_id(uint32_t start, _Out_ uint32_t *next)'),
  maps: libbpf.func('int bpf_map_get_next_id(uint32_t start, _Out_ uint32_t *next)'),
  links: libbpf.func('int bpf_link_get_next_id(uint32_t start, _Out_ uint32_t *next)'),
};
const fdById = {
  programs: libbpf.func('int bpf_prog_get_fd_by_id(uint32_t id)'),
  maps: libbpf.func('int bpf_map_get_fd_by_id(uint32_t id)'),
  links: libbpf.func('int bpf_link_get_fd_by_id(uint32_t id)'),
};
const infoByFd = libbpf.func('int bpf_obj_get_info_by_fd(int fd, void *info, void *length)');

/** Where things stand in struct bpf_prog_info, bpf_map_info and bpf_link_info (uapi bpf.h). */
const PROGRAM = { mapIdsCount: 52, mapIds: 56, name: 64 } as const;
const MAP = { maxEntries: 16, name: 24 } as const;
const LINK_PROGRAM = 8;
const NAME_BYTES = 16;
const MOST_MAPS = 64;

function infoOf(fd: number, mapIds?: Buffer): Buffer {
  const info = Buffer.alloc(256);
  if (mapIds !== undefined) {
    info.writeUInt32LE(mapIds.length / 4, PROGRAM.mapIdsCount);
    info.writeBigUInt64LE(koffi.address(mapIds) as bigint, PROGRAM.mapIds);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(info.length);
  if (infoByFd(fd, info, length) < 0) throw new Error('bpf_obj_get_info_by_fd failed');
  return info;
}

/** `look` for each object of the machine that is still there when it is opened. */
function each(kind: keyof typeof nextId, look: (id: number, info: Buffer, mapIds: Buffer) => void): void {
  for (let id = 0, next = [0]; nextId[kind](id, next) === 0; ) {
    id = next[0]!;
    const fd: number = fdById[kind](id);
    if (fd < 0) continue;
    try {
      const mapIds = Buffer.alloc(4 * MOST_MAPS);
      look(id, infoOf(fd, kind === 'programs' ? mapIds : undefined), mapIds);
    } finally {
      fs.closeSync(fd);
    }
  }
}

const nameIn = (info: Buffer, at: number): string => info.toString('latin1', at, at + NAME_BYTES).replace(/\0.*$/s, '');

export interface BpfObjects {
  /** By name. */
  readonly programs: Readonly<Record<string, number>>;
  readonly maps: Readonly<Record<string, number>>;
  readonly links: number;
}

/**
 * Programs, maps and links of one node on the whole machine, where others may run, too. Its maps are those whose sizes are a multiple of
 * `mark`, a prime number that all of its --max- options have, and those of programs that have a map with one of its programs in common.
 */
export function bpfObjects(mark: number): BpfObjects {
  const names = new Map<number, string>();
  const maps = new Set<number>();
  each('maps', (id, info) => {
    names.set(id, nameIn(info, MAP.name));
    const entries = info.readUInt32LE(MAP.maxEntries);
    if (entries > 0 && entries % mark === 0) maps.add(id);
  });
  const others = new Map<number, { readonly name: string; readonly used: readonly number[] }>();
  each('programs', (id, info, mapIds) => {
    const used = Array.from({ length: info.readUInt32LE(PROGRAM.mapIdsCount) }, (_, i) => mapIds.readUInt32LE(4 * i));
    others.set(id, { name: nameIn(info, PROGRAM.name), used });
  });
  const programs: Record<string, number> = {};
  const programIds = new Set<number>();
  for (let before = -1; before < programIds.size; ) {
    before = programIds.size;
    for (const [id, { name, used }] of others) {
      if (programIds.has(id) || !used.some((map) => maps.has(map))) continue;
      count(programs, name);
      programIds.add(id);
      for (const map of used) maps.add(map);
    }
  }
  let links = 0;
  each('links', (_, info) => (links += programIds.has(info.readUInt32LE(LINK_PROGRAM)) ? 1 : 0));
  const mapNames: Record<string, number> = {};
  for (const id of maps) count(mapNames, names.get(id) ?? 'gone');
  return { programs: sorted(programs), maps: sorted(mapNames), links };
}

const count = (counts: Record<string, number>, name: string): number => (counts[name] = (counts[name] ?? 0) + 1);
const sorted = (counts: Record<string, number>): Record<string, number> => Object.fromEntries(Object.entries(counts).sort());

const below = (folder: string): string[] => (fs.existsSync(folder) ? (fs.readdirSync(folder, { recursive: true }) as string[]).sort() : []);

/** The kernel shows two files of its own there (kernel/bpf/preload). */
export const pins = (): string[] => below('/sys/fs/bpf').filter((name) => !name.endsWith('.debug'));

/** Without the numbers of mounts, which count up. */
export const mounts = (): string[] =>
  mountTable()
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').slice(2).join(' '));

/** Cgroups in the test's own one, and such as an agent might make beside it; those of other tests come and go. */
export function cgroups(own: string): string[] {
  const folders = (fs.readdirSync(own, { withFileTypes: true }) as fs.Dirent[]).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return [...folders, ...fs.readdirSync(path.dirname(own)).filter((name) => name.includes('kmesh') && !name.startsWith('kmesh-test-'))];
}

/** Open files of a process by what they are, but for their numbers. */
export function openFiles(pid: number): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    let kind: string;
    try {
      kind = fs.readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/g, 'N');
    } catch {
      continue;
    }
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

interface ProcessEntry {
  readonly pid: number;
  readonly state: string;
  readonly command: string;
}

/** Processes whose command line holds `word`. */
export const processesWith = (word: string): ProcessEntry[] => allProcesses().filter(({ command }) => command.includes(word));

/** Children of any of these processes that have ended and were not reaped. */
export const zombiesOf = (pids: readonly number[]): number =>
  pids.flatMap((pid) => readOr(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean)).filter((child) => stateOf(Number(child)) === 'Z').length;

function allProcesses(): ProcessEntry[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), state: stateOf(Number(name)), command: readOr(`/proc/${name}/cmdline`).replaceAll('\0', ' ') }));
}

function stateOf(pid: number): string {
  const stat = readOr(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

function readOr(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
