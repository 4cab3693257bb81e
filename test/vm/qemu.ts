// SPDX-License-Identifier: Apache-2.0
/** One virtual machine from power-on to its end: kernel, disks, what it reports over a virtio port, its whole console. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import type { GuestEvent } from './guest/events.js';
import { KEPT_DISK } from './guest/plan.js';

export interface Machine {
  readonly vmlinuz: string;
  readonly initramfs: string;
  /** vda, vdb, ... in the guest; what is written to them is lost. */
  readonly disks: readonly string[];
  /** More such disks, by the serial numbers that the guest finds them by. */
  readonly namedDisks: ReadonlyMap<string, string>;
  /** One more disk, on which everything stays that the guest's kernel has written out. */
  readonly keptDisk?: string | undefined;
  /** Where the console goes. */
  readonly consoleFile: string;
  readonly limitSeconds: number;
  /**
   * Whether both processors take turns in one thread. With a thread for each, an int3 that the kernel had already taken out of its text again (ftrace, kprobes, jump
   * labels) was met a moment later, once in some dozens of runs: an oops in exc_int3, also without kmesh.ko, or, where a kprobe by ftrace is at that place, at address 0.
   */
  readonly oneThread?: boolean | undefined;
}

export interface Ending {
  /** The guest asked to lose its power, and did. */
  readonly cut: boolean;
  /** The virtual machine was killed because its time was over. */
  readonly timedOut: boolean;
  readonly seconds: number;
}

const KERNEL_ARGUMENTS = ['console=ttyS0,115200', 'panic=-1', 'oops=panic', 'loglevel=7', 'printk.time=1', 'net.ifnames=0', 'random.trust_cpu=on'];

/** Runs a machine to its end. `onEvent` gets what the guest reports, as it comes. */
export async function runMachine(machine: Machine, onEvent: (event: GuestEvent) => void): Promise<Ending> {
  const started = Date.now();
  const port = `${machine.consoleFile}.port`;
  fs.rmSync(port, { force: true });
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    readline.createInterface({ input: socket }).on('line', (line) => take(JSON.parse(line) as GuestEvent));
  });
  server.listen(port);
  await once(server, 'listening');

  // Ends with this process even when that is killed without a chance to say so.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...argumentsFor(machine, port)], { stdio: ['ignore', 2, 2] });
  const kill = (): void => void qemu.kill('SIGKILL');
  process.on('exit', kill);
  let cut = false;
  const take = (event: GuestEvent): void => {
    if (event.event === 'cut') {
      cut = true;
      kill();
    }
    onEvent(event);
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, machine.limitSeconds * 1000);
  try {
    const [code] = (await once(qemu, 'close')) as [number | null];
    if (code !== 0 && !timedOut && !cut) throw new Error(`qemu ended with ${code}; see its message above and ${path.relative('.', machine.consoleFile)}`);
  } finally {
    clearTimeout(timer);
    process.off('exit', kill);
    server.close();
    fs.rmSync(port, { force: true });
  }
  return { cut, timedOut, seconds: (Date.now() - started) / 1000 };
}

function argumentsFor({ vmlinuz, initramfs, disks, namedDisks, keptDisk, consoleFile, oneThread = false }: Machine, port: string): string[] {
  return [
    ...['-machine', 'q35', '-accel', `tcg,thread=${oneThread ? 'single' : 'multi'}`, '-cpu', 'max', '-smp', '2', '-m', '2048'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', vmlinuz, '-initrd', initramfs, '-append', KERNEL_ARGUMENTS.join(' ')],
    ...['-serial', `file:${consoleFile}`, '-device', 'virtio-rng-pci'],
    ...disks.flatMap((file, index) => ['-drive', `file=${file},format=raw,if=none,id=disk${index},snapshot=on,cache=unsafe`, '-device', `virtio-blk-pci,drive=disk${index}`]),
    ...[...namedDisks].flatMap(([serial, file]) => ['-drive', `file=${file},format=raw,if=none,id=${serial},snapshot=on,cache=unsafe`, '-device', `virtio-blk-pci,drive=${serial},serial=${serial}`]),
    ...(keptDisk === undefined ? [] : ['-drive', `file=${keptDisk},format=raw,if=none,id=kept`, '-device', `virtio-blk-pci,drive=kept,serial=${KEPT_DISK}`]),
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=results,path=${port}`, '-device', 'virtserialport,chardev=results,name=kmesh.results'],
  ];
}
