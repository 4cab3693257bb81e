// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const BPF_SOURCES = fileURLToPath(new URL('../../bpf', import.meta.url));

const folders: string[] = [];

/** A folder of the process's own, removed at its end. */
export function temporaryFolder(): string {
  if (folders.length === 0) process.on('exit', () => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kmesh-test-'));
  folders.push(folder);
  return folder;
}

export interface BpfBuild {
  readonly setRetval: boolean;
  /** The kernel has get_netns_cookie; true when left out. */
  readonly netnsCookie?: boolean;
  /** Ids of the helpers of Kmesh's own kernel patches, for a kernel that has them. */
  readonly vendorHelpers?: Readonly<Record<string, number>>;
  readonly sources?: string;
}

/** Compiles bpf/, or a copy of it, as the agent does. @returns the path of kmesh.bpf.o. @throws with what make and clang said. */
export function buildBpfObject({ setRetval, netnsCookie = true, vendorHelpers, sources = BPF_SOURCES }: BpfBuild): string {
  const folder = temporaryFolder();
  const ids = Object.entries(vendorHelpers ?? {}).map(([name, id]) => `#define KM_HELPER_ID_${name} ${id}\n`);
  fs.writeFileSync(path.join(folder, 'kmesh_config.h'), `#define KM_HAVE_SET_RETVAL ${setRetval ? 1 : 0}\n#define ENHANCED_KERNEL ${vendorHelpers ? 1 : 0}\n#define MDA_LOOPBACK_ADDR ${netnsCookie ? 1 : 0}\n`);
  fs.writeFileSync(path.join(folder, 'kmesh_helper_ids.h'), ids.join(''));
  const output = path.join(folder, 'build');
  execFileSync('make', ['-s', '-C', sources, `O=${output}`, `KMESH_GENERATED=${folder}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  return path.join(output, 'kmesh.bpf.o');
}
