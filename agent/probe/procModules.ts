// SPDX-License-Identifier: Apache-2.0

/** A line of /proc/modules (m_show(), kernel/module/procfs.c). */
export interface LoadedModuleLine {
  readonly name: string;
  /** undefined: the kernel was built without CONFIG_MODULE_UNLOAD and counts nothing. */
  readonly references: number | undefined;
  /** Modules that need this one. */
  readonly usedBy: readonly string[];
  readonly state: 'Live' | 'Loading' | 'Unloading';
}

/** The line of the module with exactly this name; undefined: it is not loaded. */
export function findModule(procModules: string, name: string): LoadedModuleLine | undefined {
  const words = procModules.split('\n').map((line) => line.split(' ')).find(([first]) => first === name);
  if (words === undefined) return undefined;
  const [, , references = '', usedBy = '', state = ''] = words;
  return {
    name,
    references: /^\d+$/.test(references) ? Number(references) : undefined,
    usedBy: usedBy.split(',').filter((user) => user !== '' && user !== '-' && !user.startsWith('[')),
    state: state === 'Loading' || state === 'Unloading' ? state : 'Live',
  };
}
