// SPDX-License-Identifier: Apache-2.0
export const summary = 'HTTP through kmesh.ko, nginx and haproxy over HTTP without them, in a virtual machine with kernel 6.1';

/** Its own packages are there only now on a fresh clone. */
export async function run() {
  const { runTypescript } = await import('../scripts/typescript.mjs');
  await runTypescript('bench/l7/host.ts');
}
