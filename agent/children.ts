// SPDX-License-Identifier: Apache-2.0

/**
 * Process ids of the children that this process started and that have not been waited for. Whoever reaps orphans must
 * leave these to Node: its own wait would fail, and their `exit` would never be told.
 */
const own = new Set<number>();

/** @returns what is to be called when Node has told the end of the child */
export function rememberChild(pid: number): () => void {
  own.add(pid);
  return () => own.delete(pid);
}

export const isOwnChild = (pid: number): boolean => own.has(pid);

/** All of them; each leads a process group of its own (agent/exec.ts). */
export const ownChildren = (): readonly number[] => [...own];
