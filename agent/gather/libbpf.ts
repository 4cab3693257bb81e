// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Sys } from '../sys.js';
import { readIfThere } from './files.js';

const folders = (machine: string): readonly string[] => [`/usr/lib/${machine}-linux-gnu`, '/usr/lib64', '/usr/lib', '/usr/local/lib64', '/usr/local/lib'];

/** Version of the libbpf that the daemon loads, from the name of the file behind libbpf.so.1 (or .0). */
export async function findLibbpfVersion(sys: Sys): Promise<string | undefined> {
  for (const folder of folders(sys.architecture)) {
    for (const name of ['libbpf.so.1', 'libbpf.so.0']) {
      const file = await readIfThere(() => sys.realPath(path.join(folder, name)));
      const version = /^libbpf\.so\.(\d+\.\d+\.\d+)$/.exec(path.basename(file ?? ''))?.[1];
      if (version !== undefined) return version;
    }
  }
  return undefined;
}
