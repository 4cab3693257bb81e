// SPDX-License-Identifier: Apache-2.0

/**
 * The real group id ("Kmsh") of the agent and the daemon. The eBPF programs let connections of processes with
 * it pass, so that a stale map never cuts the node off from its control plane
 * (docs/decisions/0001-own-connections-by-real-gid.md).
 */
export const OWN_GID = 0x4b6d7368;

const UNCHANGED = 0xffffffff;

/**
 * Takes the real group id and leaves the effective one, and so all permissions and file modes, as they are. An
 * unprivileged process is left alone: it starts nothing. Children get group 0 back (agent/exec.ts).
 */
export async function takeOwnGid(): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  // Loaded here and not on top: `plan`, `inspect` and `--help` work without the native library.
  const { default: koffi } = await import('koffi');
  const setresgid = koffi.load(null).func('int setresgid(uint32_t real, uint32_t effective, uint32_t saved)');
  if (setresgid(OWN_GID, UNCHANGED, UNCHANGED) !== 0) {
    throw new Error(`setresgid(${OWN_GID}) failed with errno ${koffi.errno()}`);
  }
}
