// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** Of file systems and cgroups. */
export const MOUNTS = {
  KM_FILESYSTEM_UNSUPPORTED: {
    class: 'mounts',
    cause: 'The kernel does not know a file system that is needed.',
    remedy: 'Boot a kernel with CONFIG_CGROUPS=y and CONFIG_BPF_SYSCALL=y.',
  },
  KM_MOUNT_POINT: {
    class: 'mounts',
    cause: 'The folder to mount on cannot be used.',
    remedy: 'Choose another folder with --cgroup2-path or --bpf-fs-path.',
  },
  KM_MOUNT_FOREIGN: {
    class: 'mounts',
    cause: 'A file system of another type is mounted where ours belongs.',
    remedy: 'Unmount it, or choose another folder with --cgroup2-path or --bpf-fs-path.',
  },
  KM_MOUNT_FAILED: {
    class: 'mounts',
    cause: 'A file system could not be mounted.',
    remedy: 'Run in a privileged container; security modules (SELinux, AppArmor, seccomp) may forbid mounts.',
  },
  KM_UNMOUNT_FAILED: {
    class: 'mounts',
    cause: 'A file system that the agent mounted could not be unmounted.',
    remedy: 'End the processes that use it, then run `node agent.js cleanup`.',
  },
  KM_CGROUP2_NOT_ROOT: {
    class: 'mounts',
    cause: 'Only a part of the cgroup2 hierarchy can be seen from here; programs attached there would steer nothing else.',
    remedy: 'Run the container in the cgroup namespace of the host, or map /proc of the host to /host/proc.',
  },
  KM_CGROUP2_OPTIONS: {
    class: 'mounts',
    cause: "Mounting cgroup2 changed the mount options of the host's hierarchy.",
    remedy: "Mount the host's cgroup2 into the container, so that it can be bound instead.",
  },
  KM_ATTACH_CGROUP: {
    class: 'mounts',
    cause: 'The folder named by --attach-cgroup is no cgroup below the cgroup2 mount.',
    remedy: 'Create the cgroup before the start; name it relative to the root of the hierarchy.',
  },
} as const satisfies ErrorTable;
