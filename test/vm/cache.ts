// SPDX-License-Identifier: Apache-2.0
/**
 * The cache folder: kernels, root file systems and images, each made once. What is made lies beside its place until it
 * is whole, so that a torn download or a killed run is never taken for a result.
 */
import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';

export const CACHE = process.env['KMESH_VM_CACHE'] ?? '/var/cache/kmesh-vm';

/** Short name of a recipe: what is made from another recipe lies in another place. */
export function keyOf(recipe: unknown): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
}

/**
 * The folder `relative` of the cache; `make` fills it when it is not there. Of several processes that want it at the
 * same time one works and the others wait.
 */
export function prepared(relative: string, make: (folder: string) => void): string {
  const place = path.join(CACHE, relative);
  fs.mkdirSync(path.dirname(place), { recursive: true });
  while (!fs.existsSync(place)) {
    if (othersWork(place)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      continue;
    }
    const partial = `${place}.partial-${process.pid}`;
    const remove = (): void => fs.rmSync(partial, { recursive: true, force: true });
    process.on('exit', remove);
    try {
      fs.mkdirSync(partial);
      make(partial);
      moveInto(partial, place);
    } finally {
      remove();
      process.off('exit', remove);
    }
  }
  return place;
}

/** Whether a living process makes the place. Removes what dead ones left. */
function othersWork(place: string): boolean {
  const prefix = `${path.basename(place)}.partial-`;
  let alive = false;
  for (const name of fs.readdirSync(path.dirname(place)).filter((one) => one.startsWith(prefix))) {
    if (fs.existsSync(`/proc/${name.slice(prefix.length)}`)) alive = true;
    else fs.rmSync(path.join(path.dirname(place), name), { recursive: true, force: true });
  }
  return alive;
}

function moveInto(partial: string, place: string): void {
  try {
    fs.renameSync(partial, place);
  } catch (error) {
    // Two began in the same instant; the other's is as good.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
