// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';
import { readIfThere } from '../gather/files.js';

/**
 * The links to the module's tracepoint, which the daemon pins; pinned, each holds the module. Those after the first are of daemons that
 * were killed before theirs took its place. Contract with the daemon.
 */
const NAME = /^request(_next[0-9]*)?$/;

export async function requestPins({ sys, options }: Context): Promise<readonly string[]> {
  const folder = path.join(options.bpfFsPath, 'bpf_kmesh/links');
  const names = (await readIfThere(() => sys.list(folder))) ?? [];
  return names.filter((name) => NAME.test(name)).map((name) => path.join(folder, name));
}
