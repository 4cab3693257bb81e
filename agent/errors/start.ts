// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** What keeps any command from its work: usage, rights, the kernel, files that are named. */
export const START = {
  KM_INTERNAL: {
    class: 'internal',
    cause: 'The agent met a situation that its authors did not foresee: a bug.',
    remedy: 'Report it with the whole log at --log-level debug.',
  },
  KM_USAGE: {
    class: 'usage',
    cause: 'The command line cannot be understood.',
    remedy: 'See --help.',
  },
  KM_MODE_NOT_BUILT: {
    class: 'usage',
    cause: 'The data plane mode is known by name but is not part of this build.',
    remedy: 'Use --mode=ads.',
  },
  KM_PRIVILEGES: {
    class: 'privileges',
    cause: 'The process may not mount file systems or load eBPF programs.',
    remedy: 'Run as root in a privileged container, or use sudo; plan, doctor, inspect and --help work for every user.',
  },
  KM_REQUIRED_CAPABILITY: {
    class: 'requirement',
    cause: 'A capability named by --require cannot be had on this node.',
    remedy: "Do what the capability table says would turn it on, or take it out of --require.",
  },
  KM_RELEASE: {
    class: 'kernel',
    cause: 'The kernel release does not look like one.',
    remedy: 'Compare with `uname -r`; for inspect, give the release by --kernel-release.',
  },
  KM_ARCHITECTURE: {
    class: 'kernel',
    cause: 'The eBPF programs and kmesh-daemon are not made for the architecture of this machine.',
    remedy: 'Run on a 64-bit little-endian machine; x86_64 and aarch64 are the ones that were tried.',
  },
  KM_BPF_UNSUPPORTED: {
    class: 'kernel',
    cause: 'The kernel was built without the eBPF features that steering connections needs.',
    remedy: 'Boot a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_CGROUP_BPF=y.',
  },
  KM_INPUT_FILE: {
    class: 'kernel',
    cause: 'A file with facts about the kernel cannot be read or is not what it should be.',
    remedy: 'Check that the file exists, is readable and is of the right kind.',
  },
  KM_HOST_ROOT: {
    class: 'kernel',
    cause: 'The folder named by --host-root does not hold the files of a host.',
    remedy: 'Unpack the archive that `doctor --capture FILE` wrote (tar -xf FILE) and name the folder kmesh-capture in it.',
  },
  KM_CAPTURE: {
    class: 'state',
    cause: 'The archive named by --capture cannot be written.',
    remedy: 'Name a file in a folder that you may write to and that has room.',
  },
} as const satisfies ErrorTable;
