// SPDX-License-Identifier: Apache-2.0
// Brings a fresh clone to a state in which `node agent.js` runs: OS packages, npm packages, generated
// code, bundles. Every step looks first, so that a second run costs nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './packages.mjs';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`setup: Node ${process.versions.node} is too old; 20.19 or newer is needed\n`);
  process.exit(2);
}

function node(script, ...args) {
  const result = spawnSync(process.execPath, [path.join(root, 'scripts', script), ...args], { stdio: ['ignore', 2, 2], cwd: root });
  if (result.status !== 0) throw new Error(`scripts/${script} failed`);
}

/** `npm ci`, unless node_modules was installed from exactly this lock file. */
function ensureNodeModules() {
  const stamp = path.join(root, 'node_modules', '.lock-sha256');
  const wanted = createHash('sha256').update(readFileSync(path.join(root, 'package-lock.json'))).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('setup: npm ci\n');
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) throw new Error('npm ci failed; see its message above');
  writeFileSync(stamp, wanted);
}

export function setup({ forTests = false, forVm = false, forImages = false, forKube = false, forCluster = false, forPackages = false } = {}) {
  ensurePackages({ forTests, forVm, forImages, forKube, forCluster, forPackages });
  ensureNodeModules();
  node('generate-protos.mjs');
  node('build.mjs');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setup();
  } catch (error) {
    process.stderr.write(`setup: ${error.message}\n`);
    process.exit(1);
  }
  process.stderr.write('setup: ready; starting the agent. Once it says "ready", try in another terminal: npm run demo\n');
}
