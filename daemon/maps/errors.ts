// SPDX-License-Identifier: Apache-2.0
import type { ErrorEntry } from '../errors.js';

/** What can go wrong between the daemon and the kernel's BPF, by code. docs/errors.md repeats this table. */
export const DATAPLANE_ERRORS = {
  KM_BPF_LIBRARY: {
    cause: 'libbpf.so.1 cannot be loaded.',
    remedy: 'Install libbpf 1.0 or later (Debian, Ubuntu: libbpf1; Fedora, RHEL, openEuler: libbpf).',
  },
  KM_BPF_OBJECT: {
    cause: 'The compiled eBPF object is missing, or is not of this build.',
    remedy: 'Remove the build folder below the state directory and restart the agent, which compiles it again.',
  },
  KM_BPF_LOAD: {
    cause: 'The kernel refused the eBPF programs or maps; the lines of libbpf and of the verifier say why.',
    remedy: 'Run as root (CAP_BPF, CAP_NET_ADMIN) on Linux 5.10 or later, and report what the verifier says.',
  },
  KM_BPF_MEMORY: {
    cause: 'The kernel has no memory for the eBPF maps or programs, most often since they would exceed the memory limit of the container.',
    remedy: "Raise the container's memory limit (resources.limits.memory), or make the maps smaller: `node daemon.js --help` lists the options of their sizes.",
  },
  KM_BPF_FS: {
    cause: 'The folder for pins cannot be used.',
    remedy: 'Mount a BPF file system (mount -t bpf bpf /sys/fs/bpf), or name another one with --bpf-fs-path.',
  },
  KM_BPF_CGROUP: {
    cause: 'The folder to attach to is not a cgroup2 folder.',
    remedy: 'Name a folder of a mounted cgroup2 hierarchy (agent: --cgroup2-path, --attach-cgroup; daemon: --cgroup).',
  },
  KM_BPF_ATTACH: {
    cause: 'A program could not be attached to the cgroup, or not be replaced there.',
    remedy: 'See with `bpftool cgroup tree` who is attached: another program may hold the cgroup exclusively.',
  },
  KM_DAEMON_RUNNING: {
    cause: 'Another kmesh-daemon uses the pinned programs and maps of this node.',
    remedy: 'End it (SIGTERM), or name another folder with --bpf-fs-path.',
  },
  KM_MAP_FULL: {
    cause: 'A BPF map is full. What was written before stays in force.',
    remedy: 'Raise the option that the error names and start with fresh maps (--on-stop cleanup): the size of a map is fixed when it is created.',
  },
  KM_MAP_ACCESS: {
    cause: 'A BPF map could not be read or written.',
    remedy: 'Restart the daemon, which reads the maps again; if that does not help, remove the pins with the agent\'s command `cleanup`.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type DataplaneErrorCode = keyof typeof DATAPLANE_ERRORS;

/** An error with a code of the table; `message` is what happened this time. */
export class DataplaneError extends Error {
  readonly code: DataplaneErrorCode;

  constructor(code: DataplaneErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataplaneError';
    this.code = code;
  }

  get remedy(): string {
    return DATAPLANE_ERRORS[this.code].remedy;
  }
}

/** Of a verifier's log the end matters: there it says what it refused. */
const LOG_LINES = 40;

/** A call into libbpf that failed; the message ends with the last lines of what libbpf and the verifier said. */
export class LibbpfError extends Error {
  /** Name of the errno, for example `E2BIG`. */
  readonly errno: string;

  constructor(call: string, errno: string, log: string) {
    const tail = log.split('\n').slice(-LOG_LINES).join('\n');
    super(`${call}: ${errno}${tail === '' ? '' : `\n${tail}`}`);
    this.name = 'LibbpfError';
    this.errno = errno;
  }
}

/**
 * Runs `step`; a failure of libbpf in it becomes a DataplaneError with `code` that says what was being done.
 */
export function withCode<T>(code: DataplaneErrorCode, doing: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof LibbpfError)) throw error;
    throw new DataplaneError(code, `${doing}: ${error.message}`, { cause: error });
  }
}
