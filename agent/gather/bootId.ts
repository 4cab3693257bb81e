// SPDX-License-Identifier: Apache-2.0
import { ProbeError } from '../probe/probeError.js';
import type { Sys } from '../sys.js';

const FILE = '/proc/sys/kernel/random/boot_id';

/**
 * The name that the kernel gave this boot. Checked, since a wrong one would turn what is ours into leftovers of another boot.
 *
 * @throws ProbeError when it is no UUID, and what reading it throws
 */
export async function readBootId(sys: Sys): Promise<string> {
  const text = (await sys.readText(FILE, 64)).trim();
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) throw new ProbeError(FILE, 'garbage', 'it is no boot id');
  return text;
}
