// SPDX-License-Identifier: Apache-2.0
export const summary = 'reading a request head and making its record, over a TCP connection on loopback';

/** Its own packages are there only now on a fresh clone. */
export async function run() {
  const { runTypescript } = await import('../scripts/typescript.mjs');
  await runTypescript('bench/heads/host.ts');
}
