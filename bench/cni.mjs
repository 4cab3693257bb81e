// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const summary = 'what kmesh-cni adds to an ADD: 200 pods behind ptp with it and without, in turn';

/** In namespaces of its own, which end with it: links, addresses and the daemon's socket are nobody else's. */
export function run() {
  const runner = path.join(path.dirname(fileURLToPath(import.meta.url)), '../scripts/typescript.mjs');
  const script = `import(${JSON.stringify(runner)}).then(({ runTypescript }) => runTypescript('bench/cni/host.ts'))`;
  const { status, error } = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', process.execPath, '--eval', script], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`cni: ${error?.message ?? `ended with ${status}`}; it needs root and network namespaces`);
}
