// SPDX-License-Identifier: Apache-2.0
/** The disk that outlives this machine, for scenarios with `boots`. */
import fs from 'node:fs';
import { KEPT_DISK } from './plan.js';
import type { Context } from './scenario.js';

export async function mountKeptDisk({ sh }: Context, place: string): Promise<void> {
  const disk = fs.readdirSync('/sys/block').find((name) => name.startsWith('vd') && fs.readFileSync(`/sys/block/${name}/serial`, 'utf8').trim() === KEPT_DISK);
  if (disk === undefined) throw new Error('this machine has no disk that is kept');
  fs.mkdirSync(place, { recursive: true });
  await sh('mount', `/dev/${disk}`, place);
}
