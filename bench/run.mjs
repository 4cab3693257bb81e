// SPDX-License-Identifier: Apache-2.0
// `npm run bench [-- NAME ...]`, `npm run bench -- --list`: measures, and prints what it found as ratios beside the goals. A benchmark is a file of this
// folder that exports `summary` and `run()`.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setup } from '../scripts/setup.mjs';

const folder = path.dirname(fileURLToPath(import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.mjs') && name !== 'run.mjs').map((name) => name.slice(0, -4)).sort();
const load = (name) => import(pathToFileURL(path.join(folder, `${name}.mjs`)).href);

const list = async () => (await Promise.all(names.map(async (name) => `  ${name}: ${(await load(name)).summary}`))).join('\n');

async function main(wanted) {
  if (wanted.includes('--list')) return void process.stdout.write(`${await list()}\n`);
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no benchmark is named ${unknown.join(', ')}; there are\n${await list()}`);
  setup({ forTests: true, forVm: true });
  for (const name of wanted.length > 0 ? wanted : names) await (await load(name)).run();
}

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
});
