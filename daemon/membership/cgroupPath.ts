// SPDX-License-Identifier: Apache-2.0

/**
 * The cgroup of a pod, as the kubelet names it: `pod<uid>` with its cgroupfs driver, `kubepods-...-pod<uid>.slice` with `_` for `-` with
 * systemd's (pkg/kubelet/cm/cgroup_manager_linux.go). The uid of a static pod is 32 digits.
 */
const POD = /(?:^|[/-])pod([0-9a-f]{8}([-_])[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?:\/|$)/m;

/** The uid of the pod that a process belongs to. @param text of /proc/PID/cgroup; undefined: of none */
export const podUidOf = (text: string): string | undefined => POD.exec(text)?.[1]?.replaceAll('_', '-');
