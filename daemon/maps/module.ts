// SPDX-License-Identifier: Apache-2.0
/** kmesh.ko as it shows itself below /sys/module (kernel/parameters.c, kernel/counters.c). */
import fs from 'node:fs';
import path from 'node:path';

/** Where the module is seen, and what its requests come from. */
export interface ModulePlace {
  readonly folder: string;
  readonly tracepoint: string;
}

export const KMESH_MODULE: ModulePlace = { folder: '/sys/module/kmesh', tracepoint: 'kmesh_request' };

export interface ModuleState {
  /** KM_REQUEST_ABI that the module was built with; undefined: it is another module of this name. */
  readonly abi: number | undefined;
  /** false: it is about to be removed, and holds back no connection any more. */
  readonly accepting: boolean;
}

/** undefined: no module of this name is loaded. */
export function readModule({ folder }: ModulePlace): ModuleState | undefined {
  if (!fs.existsSync(folder)) return undefined;
  const abi = numberIn(path.join(folder, 'parameters', 'abi'));
  return { abi, accepting: textIn(path.join(folder, 'parameters', 'accepting')) === 'Y' };
}

/** Gauges and counters by name; empty while the module is not loaded. */
export function readModuleCounters({ folder }: ModulePlace): Record<string, number> {
  const counters = path.join(folder, 'counters');
  const pairs = namesIn(counters).map((name) => [name, numberIn(path.join(counters, name))] as const);
  return Object.fromEntries(pairs.filter((pair): pair is [string, number] => pair[1] !== undefined));
}

function numberIn(file: string): number | undefined {
  const text = textIn(file);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The module can go between any two reads: a file that is not there any more is no error. */
function textIn(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'latin1').trim();
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}
