// SPDX-License-Identifier: Apache-2.0
export const summary = 'starts of the agent, cold over plain make and warm over cold; its memory, and what starting the program alone takes';

/** Its own packages are there only now on a fresh clone. */
export async function run() {
  const { runTypescript } = await import('../scripts/typescript.mjs');
  await runTypescript('bench/bringup/host.ts');
}
