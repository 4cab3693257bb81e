// SPDX-License-Identifier: Apache-2.0
import { ProbeError, boundText, quote } from './probeError.js';

/** One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: number;
  readonly parent: number;
  /** `major:minor`. */
  readonly device: string;
  /** Folder inside the filesystem that is mounted; `/` for the whole. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of this mount (`ro`, `nosuid`). */
  readonly options: readonly string[];
  /** `cgroup2`, `bpf`, `fuse.sshfs`. */
  readonly fsType: string;
  readonly source: string;
  /** Options of the filesystem (`nsdelegate`, `memory`). */
  readonly superOptions: readonly string[];
}

/** The kernel's default limit is 100,000 mounts a namespace (fs.mount-max). */
const LIMIT_KIB = 64 * 1024;

/**
 * Reads mountinfo, decoding its octal escapes.
 * @throws ProbeError naming the line, when one is not of the documented form.
 */
export function parseMountinfo(text: string): Mount[] {
  boundText('mountinfo', text, LIMIT_KIB);
  const mounts: Mount[] = [];
  // Only \n ends a line: a mount point may hold every other kind of line break, unescaped.
  for (const [index, line] of text.split('\n').entries()) {
    if (line !== '') mounts.push(parseLine(line, index + 1));
  }
  return mounts;
}

/** Fields before the optional ones, which end with a lone dash. */
const FIXED_FIELDS = 6;

function parseLine(line: string, lineNumber: number): Mount {
  // Split at single blanks: the source of a mount can be the empty text.
  const fields = line.split(' ');
  const dash = fields.indexOf('-', FIXED_FIELDS);
  const [id = '', parent = '', device = '', root = '', mountPoint = '', options = ''] = fields;
  const [fsType = '', source, superOptions] = fields.slice(dash + 1);
  const wellFormed =
    dash !== -1 && source !== undefined && superOptions !== undefined && fsType !== '' &&
    /^\d+$/.test(id) && /^\d+$/.test(parent) && /^\d+:\d+$/.test(device) && mountPoint.startsWith('/');
  if (!wellFormed) throw new ProbeError('mountinfo', 'garbage', `line ${lineNumber} is not a mount: ${quote(line)}`);
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    fsType: unescapeOctal(fsType),
    source: unescapeOctal(source),
    superOptions: unescapeOctal(superOptions).split(','),
  };
}

/** The kernel writes blank, tab, newline, backslash and # as a backslash and three octal digits (fs/proc_namespace.c). */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/**
 * The mount that a process sees at `path`, or undefined when `path` is no visible mount point.
 * Follows parents from the root as path resolution does: of mounts stacked on one place the last one wins,
 * and a mount hidden below a later mount of a parent folder is not found.
 * @param path absolute, without `.`, `..` and symbolic links
 */
export function topMountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  const children = childrenByPlace(mounts);
  const ids = new Set(mounts.map((mount) => mount.id));
  let current = mounts.find((mount) => mount.mountPoint === '/' && (mount.parent === mount.id || !ids.has(mount.parent)));
  // A process whose root is not a mount point (chroot) has no root entry: all that is left is the order.
  if (current === undefined) return mounts.findLast((mount) => mount.mountPoint === trimSlash(path));
  for (const prefix of prefixes(trimSlash(path))) {
    const stacked = new Set<number>();
    for (let next = children.get(place(current.id, prefix)); next !== undefined; next = children.get(place(current.id, prefix))) {
      if (stacked.has(next.id)) break;
      stacked.add(next.id);
      current = next;
    }
  }
  return current.mountPoint === trimSlash(path) ? current : undefined;
}

const place = (parent: number, path: string): string => `${parent} ${path}`;

const trimSlash = (path: string): string => path.replace(/(?<=.)\/+$/, '');

function childrenByPlace(mounts: readonly Mount[]): Map<string, Mount> {
  const own = mounts.filter((mount) => mount.parent !== mount.id);
  return new Map(own.map((mount) => [place(mount.parent, mount.mountPoint), mount]));
}

/** `/`, `/a`, `/a/b` for `/a/b`. */
function prefixes(path: string): string[] {
  const words = path.split('/').filter((word) => word !== '');
  return ['/', ...words.map((_, i) => `/${words.slice(0, i + 1).join('/')}`)];
}

export function mountsOfType(mounts: readonly Mount[], fsType: string): Mount[] {
  return mounts.filter((mount) => mount.fsType === fsType);
}
