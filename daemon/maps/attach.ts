// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { DataplaneError, withCode } from './errors.js';
import { HOOKS, type Hook } from './hooks.js';
import { call, callForPointer, tryCall, type Pointer } from './libbpf.js';
import { linkPath, makeLinksFolder, nextLinkName } from './pins.js';

/** CGROUP2_SUPER_MAGIC of include/uapi/linux/magic.h. */
const CGROUP2_SUPER_MAGIC = 0x63677270;

export interface AttachedHook {
  readonly hook: string;
  /** `moved`: the link was on another cgroup, and gave way to a new one. */
  readonly action: 'attached' | 'replaced' | 'moved';
  readonly linkId: number;
  readonly programId: number;
}

/**
 * Brings all programs of `object` into force on the cgroup folder. A program that is attached already is replaced
 * in place, so that no connection goes by unseen.
 *
 * @throws DataplaneError KM_BPF_CGROUP, KM_BPF_ATTACH; hooks that were attached before stay.
 */
export function attachHooks(object: Pointer, cgroupPath: string, pinRoot: string): AttachedHook[] {
  const cgroup = openCgroup(cgroupPath);
  try {
    makeLinksFolder(pinRoot);
    return HOOKS.map((hook) => withCode('KM_BPF_ATTACH', `hook ${hook.name} on ${cgroupPath}`, () => attachHook(object, hook, cgroup, pinRoot)));
  } finally {
    fs.closeSync(cgroup.fd);
  }
}

interface Cgroup {
  readonly fd: number;
  /** The inode number, which is the cgroup's id to BPF (include/linux/kernfs.h). */
  readonly id: bigint;
}

function openCgroup(folder: string): Cgroup {
  try {
    const fd = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    if (fs.statfsSync(folder).type === CGROUP2_SUPER_MAGIC) return { fd, id: fs.fstatSync(fd, { bigint: true }).ino };
    fs.closeSync(fd);
  } catch (error) {
    throw new DataplaneError('KM_BPF_CGROUP', `${folder}: ${(error as Error).message}`, { cause: error });
  }
  throw new DataplaneError('KM_BPF_CGROUP', `${folder} is not in a cgroup2 file system`);
}

function attachHook(object: Pointer, hook: Hook, cgroup: Cgroup, pinRoot: string): AttachedHook {
  const program = callForPointer('bpf_object__find_program_by_name', object, hook.program);
  const pin = linkPath(pinRoot, hook.name);
  const next = linkPath(pinRoot, nextLinkName(hook.name));
  // A process that was killed between the two steps of attachNew: its second step.
  if (fs.existsSync(next)) fs.renameSync(next, pin);
  const exists = fs.existsSync(pin);
  if (exists) {
    const replaced = replaceInPlace(program, pin, cgroup);
    if (replaced) return { hook: hook.name, action: 'replaced', ...replaced };
  }
  return { hook: hook.name, action: exists ? 'moved' : 'attached', ...attachNew(program, cgroup, next, pin) };
}

/** @returns undefined when the pinned link is on another cgroup (or on one that was removed). */
function replaceInPlace(program: Pointer, pin: string, cgroup: Cgroup): LinkIds | undefined {
  return usingLink(callForPointer('bpf_link__open', pin), (link) => {
    const info = linkInfo(link);
    const attachType = tryCall('bpf_program__expected_attach_type', program);
    if (info.cgroupId !== cgroup.id || info.attachType !== attachType) return undefined;
    call('bpf_link__update_program', link, program);
    return ids(linkInfo(link));
  });
}

/** Attaches and pins; an older pin gives way in the same moment as its successor takes the name. */
function attachNew(program: Pointer, cgroup: Cgroup, next: string, pin: string): LinkIds {
  return usingLink(callForPointer('bpf_program__attach_cgroup', program, cgroup.fd), (link) => {
    call('bpf_link__pin', link, next);
    fs.renameSync(next, pin);
    return ids(linkInfo(link));
  });
}

/** Gives the daemon's own handle of the link back afterwards; the pin keeps it attached. */
function usingLink<T>(link: Pointer, use: (link: Pointer) => T): T {
  try {
    return use(link);
  } finally {
    tryCall('bpf_link__destroy', link);
  }
}

interface LinkIds {
  readonly linkId: number;
  readonly programId: number;
}

interface LinkInfo extends LinkIds {
  readonly cgroupId: bigint;
  readonly attachType: number;
}

/** Room for struct bpf_link_info as it may grow; the kernel writes no more than it is told. */
const LINK_INFO_BYTES = 128;

/** struct bpf_link_info of a cgroup link (uapi bpf.h): type, id, program id, then cgroup id and attach type. */
function linkInfo(link: Pointer): LinkInfo {
  const info = Buffer.alloc(LINK_INFO_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(LINK_INFO_BYTES);
  call('bpf_obj_get_info_by_fd', tryCall('bpf_link__fd', link), info, length);
  return {
    linkId: info.readUInt32LE(4),
    programId: info.readUInt32LE(8),
    cgroupId: info.readBigUInt64LE(16),
    attachType: info.readUInt32LE(24),
  };
}

const ids = ({ linkId, programId }: LinkInfo): LinkIds => ({ linkId, programId });
