// SPDX-License-Identifier: Apache-2.0
// A module that was built outside, with the headers of the running kernel, goes in and out again.
import fs from 'node:fs';
import type { Checks, Context } from '../guest/scenario.js';

export const name = 'module';
export const modules = { hello: { folder: 'test/vm/modules/hello' } };

const isLoaded = (): boolean => fs.existsSync('/sys/module/hello');

export async function run(t: Checks, { sh, modules, release }: Context): Promise<void> {
  t.match(await sh('modinfo', '-F', 'vermagic', modules['hello']!), new RegExp(`^${release.replaceAll('+', '\\+')} `), 'it was built for the running kernel');
  await sh('insmod', modules['hello']!);
  t.ok(isLoaded(), 'it is inserted');
  await sh('rmmod', 'hello');
  t.ok(!isLoaded(), 'it is removed');
}
