// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable, InstallHints } from './entry.js';

const installHeader = (hints: InstallHints): string => `Install it on the host (${hints.uapiHeaders}), or name another header with --bpf-header.`;

/** Of reading the BPF helpers from a header. */
export const HELPERS = {
  KM_HELPERS_MISSING: {
    class: 'helpers',
    cause: 'No uapi header linux/bpf.h was found, and the kernel has no BTF that could answer instead.',
    remedy: installHeader,
  },
  KM_HELPERS_DIRECTORY: {
    class: 'helpers',
    cause: 'A directory stands where linux/bpf.h should be: a container volume of a file that the host lacks becomes an empty directory.',
    remedy: (hints) => `Remove the directory. ${installHeader(hints)}`,
  },
  KM_HELPERS_UNREADABLE: {
    class: 'helpers',
    cause: 'linux/bpf.h is there but cannot be read.',
    remedy: (hints) => `Check its permissions and size. ${installHeader(hints)}`,
  },
  KM_HELPERS_EMPTY: {
    class: 'helpers',
    cause: 'linux/bpf.h has no contents.',
    remedy: installHeader,
  },
  KM_HELPERS_TRUNCATED: {
    class: 'helpers',
    cause: 'linux/bpf.h ends in the middle of its list of helpers.',
    remedy: installHeader,
  },
  KM_HELPERS_GARBAGE: {
    class: 'helpers',
    cause: 'linux/bpf.h has no list of helpers that can be read.',
    remedy: installHeader,
  },
} as const satisfies ErrorTable;
