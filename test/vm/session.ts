// SPDX-License-Identifier: Apache-2.0
/** One boot of a kernel with given inputs: made, run, and all that was made for it removed. */
import fs from 'node:fs';
import path from 'node:path';
import type { GuestEvent } from './guest/events.js';
import { initramfs } from './initramfs.js';
import { makeInputs, type Inputs } from './inputs.js';
import type { Kernel } from './kernels.js';
import { ROOT } from './paths.js';
import { runMachine } from './qemu.js';
import { kernelDisk, rootDisk } from './rootDisk.js';
import { temporaryFolder } from './temporaryFolder.js';

export interface Session {
  readonly kernel: Kernel;
  readonly inputs: Inputs;
  readonly limitSeconds: number;
  readonly oneThread?: boolean | undefined;
  readonly keptDisk?: string | undefined;
  /** More disks, by their serial numbers. */
  readonly imageDisks?: ReadonlyMap<string, string> | undefined;
  /** Names the console's file among those of other runs. */
  readonly title: string;
}

export interface Result {
  /** The guest said that it was through. */
  readonly complete: boolean;
  readonly cut: boolean;
  readonly timedOut: boolean;
  readonly seconds: number;
  readonly console: string;
  readonly consoleFile: string;
}

export async function runSession({ kernel, inputs, limitSeconds, oneThread, keptDisk, imageDisks = new Map(), title }: Session, onEvent: (event: GuestEvent) => void): Promise<Result> {
  const { folder, remove } = temporaryFolder();
  try {
    const consoleFile = path.join(ROOT, 'build/vm', `console-${title}.log`);
    fs.mkdirSync(path.dirname(consoleFile), { recursive: true });
    const disks = [rootDisk(), await makeInputs(inputs, folder), kernelDisk(kernel)].filter((disk) => disk !== undefined);
    let complete = false;
    const machine = { vmlinuz: kernel.vmlinuz, initramfs: initramfs(kernel), disks, namedDisks: imageDisks, keptDisk, consoleFile, limitSeconds, oneThread };
    const ending = await runMachine(machine, (event) => {
      if (event.event === 'end') complete = true;
      onEvent(event);
    });
    return { ...ending, complete, console: fs.readFileSync(consoleFile, 'utf8').replaceAll('\r', ''), consoleFile };
  } finally {
    remove();
  }
}
