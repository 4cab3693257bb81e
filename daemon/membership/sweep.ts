// SPDX-License-Identifier: Apache-2.0

/** What is known when the set is swept. */
export interface SweepInputs {
  /** Cookies in the set of managed namespaces. */
  readonly set: Iterable<bigint>;
  /** Cookies that belong to pods in the mesh. */
  readonly owned: ReadonlySet<bigint>;
  /** Cookies of the set that nobody owned at the sweep before. */
  readonly before: ReadonlySet<bigint>;
  /** Whether the namespaces of all pods in the mesh are known: the API server has told all pods, and each that runs was found. */
  readonly certain: boolean;
  /** Cookies of all network namespaces that have processes; only needed when that is not so. */
  readonly alive: ReadonlySet<bigint>;
}

export interface Sweep {
  readonly remove: readonly bigint[];
  /** For the next sweep. */
  readonly orphans: ReadonlySet<bigint>;
}

/**
 * Which cookies go: those that nobody owns at two sweeps in a row, since a pod that just starts is told by its CNI plugin before its
 * process is there and before the API server's watch may know it. While it is not certain which pods are in the mesh the last set stays, but for
 * namespaces that are gone.
 */
export function sweep({ set, owned, before, certain, alive }: SweepInputs): Sweep {
  const orphans = new Set([...set].filter((cookie) => !owned.has(cookie)));
  const remove = [...orphans].filter((cookie) => before.has(cookie) && (certain || !alive.has(cookie)));
  for (const cookie of remove) orphans.delete(cookie);
  return { remove, orphans };
}
