// SPDX-License-Identifier: Apache-2.0
/** What a run of the agent could leave in the kernel of the guest. */
import fs from 'node:fs';
import path from 'node:path';

export const isInserted = (): boolean => fs.existsSync('/sys/module/kmesh');

export function traces(): Record<string, unknown> {
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '');
  return {
    module: isInserted(),
    // A bind of this name is the scenario's own.
    mounts: mounts.filter((place) => place !== '/mnt').sort(),
    pins: fs.readdirSync('/sys/fs/bpf'),
    programs: programs(),
  };
}

/** Command lines of the project's processes. */
function programs(): string[] {
  const lines = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(commandLine);
  return lines.filter((line) => /agent\.js|daemon\.js/.test(line)).sort();
}

function commandLine(pid: string): string {
  try {
    return fs.readFileSync(path.join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ');
  } catch {
    // Ended since the folder was read.
    return '';
  }
}
