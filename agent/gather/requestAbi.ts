// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Sys } from '../sys.js';
import { readFirst } from './files.js';

const MAX_BYTES = 1 << 16;

/** KM_REQUEST_ABI of this build: the version of what kmesh.ko shows to the eBPF programs. */
export async function readRequestAbi(sys: Sys, root: string): Promise<number | undefined> {
  const header = await readFirst(sys, [path.join(root, 'bpf/include/kmesh/request.h')], MAX_BYTES);
  const digits = /^#define KM_REQUEST_ABI (\d+)$/m.exec(header?.text ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
