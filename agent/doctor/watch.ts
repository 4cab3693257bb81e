// SPDX-License-Identifier: Apache-2.0
import type { Sys } from '../sys.js';

/** What `doctor` may do to the world: look. */
export const LOOKS = ['stat', 'readBytes', 'readText', 'readGzip', 'readLink', 'realPath', 'list', 'sha256', 'writeObstacle', 'freeBytes'] as const;

export type Look = (typeof LOOKS)[number];

/** Properties and functions of `Sys` that change nothing and are no looks at files. */
const HARMLESS = ['httpGet', 'httpsGet', 'readSecret', 'sleep', 'now', 'random', 'effectiveUid', 'pid', 'kernelRelease', 'architecture', 'cpus', 'env'] as const satisfies readonly (keyof Sys)[];

/** Does something with each look: `look` is called with the name, the path and what does it. */
export type Around = <T>(name: Look, file: string, look: () => Promise<T>) => Promise<T>;

/** A `Sys` whose looks all go through `around`. */
export function aroundLooks(base: Sys, around: Around): Sys {
  const looks = Object.fromEntries(
    LOOKS.map((name) => {
      const look = base[name] as (file: string, ...rest: readonly unknown[]) => Promise<unknown>;
      return [name, (file: string, ...rest: readonly unknown[]) => around(name, file, () => look(file, ...rest))];
    }),
  );
  return { ...base, ...looks };
}

/** A `Sys` that refuses everything that could change the node, also what is added to `Sys` later. */
export function looksOnly(base: Sys): Sys {
  const allowed: readonly (string | symbol)[] = [...LOOKS, ...HARMLESS];
  return new Proxy(base, {
    get(target, name) {
      if (allowed.includes(name)) return Reflect.get(target, name) as unknown;
      return () => {
        throw new Error(`doctor changes nothing and so does not call ${String(name)}()`);
      };
    },
  });
}

/** Paths that exist and were closed to this user, with the errno name. */
export type DeniedPlaces = ReadonlyMap<string, string>;

/** Remembers in `denied` which looks were refused. */
export function watchDenials(base: Sys, denied: Map<string, string>): Sys {
  return aroundLooks(base, async (_, file, look) => {
    try {
      return await look();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') denied.set(file, code);
      throw error;
    }
  });
}
