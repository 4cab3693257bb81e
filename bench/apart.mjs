// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Runs a TypeScript program in namespaces of its own, which end with it: no process of this machine is steered, and no rule or mount stays. */
export function runApart(name, file) {
  const runner = path.join(path.dirname(fileURLToPath(import.meta.url)), '../scripts/typescript.mjs');
  const script = `import(${JSON.stringify(runner)}).then(({ runTypescript }) => runTypescript(${JSON.stringify(file)}))`;
  const { status, error } = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', process.execPath, '--eval', script], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${name}: ${error?.message ?? `ended with ${status}`}; it needs root, network namespaces and a cgroup2 hierarchy`);
}
