// SPDX-License-Identifier: Apache-2.0
/** Disks of scenarios, known by their serial numbers. */
import fs from 'node:fs';
import { KEPT_DISK } from './plan.js';
import type { Context } from './scenario.js';

/** Mounts the disk that outlives this machine, for scenarios with `boots`. */
export const mountKeptDisk = (context: Context, place: string): Promise<void> => mountDisk(context, KEPT_DISK, place, 'rw');

export async function mountDisk({ sh }: Context, serial: string, place: string, options: string): Promise<void> {
  const disk = fs.readdirSync('/sys/block').find((name) => name.startsWith('vd') && fs.readFileSync(`/sys/block/${name}/serial`, 'utf8').trim() === serial);
  if (disk === undefined) throw new Error(`this machine has no disk with the serial number ${serial}`);
  fs.mkdirSync(place, { recursive: true });
  await sh('mount', '-o', options, `/dev/${disk}`, place);
}
