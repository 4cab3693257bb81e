// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';

/**
 * The real group id ("Kmsh") by which the eBPF programs know connections of the agent and the daemon and let
 * them pass: a stale map must not cut the daemon off from its control plane. A real gid can be read by
 * bpf_get_current_uid_gid() on every kernel with cgroup/connect hooks, in every pid namespace, and changes no
 * permission, since the effective gid stays.
 */
export const OWN_GID = 0x4b6d7368;

const UNCHANGED = 0xffffffff;

/** Takes the real group id, in all threads (glibc and musl both broadcast setresgid). Needs root. */
export function takeOwnGid(): void {
  const setresgid = koffi.load(null).func('int setresgid(uint32_t real, uint32_t effective, uint32_t saved)');
  if (setresgid(OWN_GID, UNCHANGED, UNCHANGED) !== 0) {
    throw new Error(`setresgid(${OWN_GID}) failed with errno ${koffi.errno()}`);
  }
}
