// SPDX-License-Identifier: Apache-2.0
import { readIfThere } from '../gather/files.js';
import { buildIdOf } from '../probe/elfNotes.js';
import { findModule, type LoadedModuleLine } from '../probe/procModules.js';
import type { Sys } from '../sys.js';

export const MODULE_NAME = 'kmesh';

/** What the module shows of itself; contract with kernel/. */
export const MODULE_SYSFS = `/sys/module/${MODULE_NAME}`;
export const ACCEPTING = `${MODULE_SYSFS}/parameters/accepting`;

const MAX_LIST_BYTES = 1 << 20;
const MAX_VALUE_BYTES = 4096;

/** A module of our name in the kernel. */
export interface LoadedModule extends LoadedModuleLine {
  /** undefined: not shown, for example without CONFIG_KALLSYMS. */
  readonly buildId: string | undefined;
  /** KM_REQUEST_ABI that it was compiled with; undefined: no module of this project. */
  readonly abi: number | undefined;
  /** It takes over sockets when asked. */
  readonly accepting: boolean;
}

/** undefined: no module of our name is loaded. */
export async function loadedModule(sys: Sys): Promise<LoadedModule | undefined> {
  const list = await readIfThere(() => sys.readText('/proc/modules', MAX_LIST_BYTES));
  const line = findModule(list ?? '', MODULE_NAME);
  if (line === undefined) return undefined;
  const notes = await readIfThere(() => sys.readBytes(`${MODULE_SYSFS}/notes/.note.gnu.build-id`, MAX_VALUE_BYTES));
  return {
    ...line,
    buildId: notes === undefined ? undefined : buildIdOf(notes),
    abi: await moduleNumber(sys, 'parameters/abi'),
    accepting: (await moduleText(sys, 'parameters/accepting')) === 'Y',
  };
}

/** A number that the loaded module shows, such as `counters/deferred`; undefined: it does not. */
export async function moduleNumber(sys: Sys, name: string): Promise<number | undefined> {
  const text = await moduleText(sys, name);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

async function moduleText(sys: Sys, name: string): Promise<string | undefined> {
  return (await readIfThere(() => sys.readText(`${MODULE_SYSFS}/${name}`, MAX_VALUE_BYTES)))?.trim();
}
