// SPDX-License-Identifier: Apache-2.0
// A deliberately broken module: the scan of the console has to find what the kernel says of it.
import type { Checks, Context } from '../guest/scenario.js';

export const name = 'console-scan';
export const modules = { broken: { folder: 'test/vm/modules/broken' } };

/** What every kernel notices, and what only the debug kernel does. */
export function consoleReports(kernel: string): readonly RegExp[] {
  const everywhere = [/WARNING: .*broken_init/];
  const debug = [/BUG: KASAN: .*use_after_free/, /BUG: sleeping function called from invalid context/, /unreferenced object 0x[^]*lost on purpose/];
  return kernel === 'debug' ? [...everywhere, ...debug] : everywhere;
}

export async function run(t: Checks, { sh, modules }: Context): Promise<void> {
  await sh('insmod', modules['broken']!);
  await sh('rmmod', 'broken');
  t.ok(true, 'the broken module was inserted and removed');
}
