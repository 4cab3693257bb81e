// SPDX-License-Identifier: Apache-2.0
import { type ModuleFacts, moduleFacts } from '../probe/moduleFile.js';
import type { Sys } from '../sys.js';

/** With all debug information kmesh.ko has a few megabytes. */
const MAX_BYTES = 64 << 20;

/** A compiled kernel module on the disk. */
export interface ModuleFile extends ModuleFacts {
  readonly path: string;
}

/** @throws ProbeError when it is no module, and what reading it throws */
export async function readModuleFile(sys: Sys, path: string): Promise<ModuleFile> {
  return { path, ...moduleFacts(await sys.readBytes(path, MAX_BYTES)) };
}
