// SPDX-License-Identifier: Apache-2.0
// That mounting cgroup2 leaves the options of the host's hierarchy alone, against a mount table of the test's: the
// real one belongs to the whole machine.
import { mkdirSync } from 'node:fs';
import t from 'tap';
import type { Context } from '../../agent/context.js';
import { ensureCgroup2 } from '../../agent/mounts/cgroup2.js';
import { temporaryFolder, testContext } from '../helpers/agentContext.js';

const ROOT = '1 0 254:0 / / rw - ext4 /dev/vda rw';

/** A kernel whose hierarchy loses the options that a mount does not repeat, as in the initial cgroup namespace. */
class FakeKernel {
  options: readonly string[] | undefined;
  readonly commands: string[] = [];
  #ours = false;
  /** What mount leaves out of the options that it is given. */
  forgets: string | undefined;
  readonly place: string;
  /** Whether the host's own mount, not ours, shows the root of the hierarchy. */
  readonly hostMountVisible: boolean;

  constructor(place: string, options: string | undefined, hostMountVisible: boolean) {
    this.place = place;
    this.options = options?.split(',');
    this.hostMountVisible = hostMountVisible;
  }

  get mountinfo(): string {
    const line = (id: number, where: string): string => `${id} 1 0:30 / ${where} rw - cgroup2 cgroup ${this.options?.join(',')}`;
    const host = this.options === undefined ? [] : [line(2, '/sys/fs/cgroup')];
    return [ROOT, ...host, ...(this.#ours ? [line(3, this.place)] : [])].join('\n');
  }

  readonly exec: Context['exec'] = async (file, args) => {
    this.commands.push([file, ...args].join(' ').replaceAll(this.place, 'PLACE'));
    const given = args[args.indexOf('-o') + 1] ?? '';
    if (file === 'umount') this.#ours = false;
    else if (given.startsWith('remount')) this.options = given.split(',').slice(1);
    else {
      this.#ours = true;
      const set = args.includes('-o') ? given.split(',') : ['rw'];
      if (!args.includes('--bind')) this.options = set.filter((option) => option !== this.forgets);
    }
    return { stdout: '', tail: [] };
  };

  context(folder: string): Context {
    const real = testContext(folder);
    return testContext(folder, {
      exec: this.exec,
      sys: {
        readText: async (file, max) => (file === '/proc/self/mountinfo' ? this.mountinfo : real.sys.readText(file, max)),
        readLink: async (file) => (file === '/proc/self/ns/cgroup' ? 'cgroup:[4026531835]' : real.sys.readLink(file)),
        stat: async (file) => {
          const inHost = file.startsWith('/sys/fs/cgroup/');
          if (!inHost && !(this.#ours && file.startsWith(`${this.place}/cgroup.`))) return real.sys.stat(file);
          const there = file.endsWith('cgroup.controllers') || (file.endsWith('cgroup.type') && inHost && !this.hostMountVisible);
          return there ? { kind: 'file', size: 0, modifiedMs: 0 } : undefined;
        },
      },
    });
  }
}

function fakeKernel(t: { teardown(work: () => unknown): void }, options: string | undefined, hostMountVisible = false): { kernel: FakeKernel; ctx: Context } {
  const folder = temporaryFolder(t);
  const place = testContext(folder).options.cgroup2Path;
  mkdirSync(place);
  const kernel = new FakeKernel(place, options, hostMountVisible);
  return { kernel, ctx: kernel.context(folder) };
}

t.test('a visible root is bound, which touches no option', async (t) => {
  const { kernel, ctx } = fakeKernel(t, 'rw,nsdelegate', true);
  t.equal(await ensureCgroup2(ctx, () => {}), `cgroup2 bound from /sys/fs/cgroup at ${kernel.place}`);
  t.same(kernel.commands, ['mount -n --bind /sys/fs/cgroup PLACE']);
});

t.test('a mount repeats the options that the hierarchy has', async (t) => {
  const { kernel, ctx } = fakeKernel(t, 'rw,nsdelegate,memory_recursiveprot');
  await ensureCgroup2(ctx, () => {});
  t.same(kernel.commands, ['mount -n -t cgroup2 -o memory_recursiveprot,nsdelegate,rw kmesh-agent PLACE']);
  t.same(kernel.options?.toSorted(), ['memory_recursiveprot', 'nsdelegate', 'rw']);
});

t.test('a host without cgroup2 has no options to repeat', async (t) => {
  const { kernel, ctx } = fakeKernel(t, undefined);
  await ensureCgroup2(ctx, () => {});
  t.same(kernel.commands, ['mount -n -t cgroup2 kmesh-agent PLACE']);
});

t.test('an option that changed all the same is set again, the mount undone, and the start fails', async (t) => {
  const { kernel, ctx } = fakeKernel(t, 'rw,nsdelegate');
  kernel.forgets = 'nsdelegate';
  await t.rejects(ensureCgroup2(ctx, () => {}), { code: 'KM_CGROUP2_OPTIONS', detail: /from nsdelegate,rw to rw; they were set again/ });
  t.same(kernel.options?.toSorted(), ['nsdelegate', 'rw']);
  t.equal(kernel.commands.at(-1), 'umount -n PLACE');
});
