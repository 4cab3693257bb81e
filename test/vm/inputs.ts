// SPDX-License-Identifier: Apache-2.0
/** The disk of one run: the project as a user has it, the guest's runner, scenarios, modules and other files. */
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { makeDisk } from './disk.js';
import type { Plan } from './guest/plan.js';
import { ROOT } from './paths.js';

export interface Inputs {
  readonly plan: Omit<Plan, 'modules'>;
  /** Files of scenarios, .ts or .mjs. */
  readonly scenarios: readonly string[];
  /** Modules by the name that scenarios know them by. */
  readonly modules: ReadonlyMap<string, string>;
  /** More files, for /kmesh/files. */
  readonly files?: readonly string[];
}

/** What a user's checkout has after `npm start`. What is not there is left out. */
const PROJECT = ['agent.js', 'daemon.js', 'package.json', 'bpf', 'kernel', 'samples', 'node_modules/koffi', 'node_modules/@koromix'];

/** @param folder an empty one. @returns the image. */
export async function makeInputs({ plan, scenarios, modules, files = [] }: Inputs, folder: string): Promise<string> {
  const tree = path.join(folder, 'tree');
  for (const name of ['modules', 'files', 'guest/scenarios']) fs.mkdirSync(path.join(tree, name), { recursive: true });
  for (const name of PROJECT.filter((one) => fs.existsSync(path.join(ROOT, one)))) {
    fs.cpSync(path.join(ROOT, name), path.join(tree, 'project', name), { recursive: true, filter: (file) => !/\.(o|ko|cmd)$/.test(file) });
  }
  // Bundles that take koffi from outside find it from where they lie.
  if (fs.existsSync(path.join(tree, 'project/node_modules'))) fs.symlinkSync('project/node_modules', path.join(tree, 'node_modules'));
  await bundle([path.join(ROOT, 'test/vm/guest/runner.ts')], path.join(tree, 'guest'));
  await bundle(scenarios, path.join(tree, 'guest/scenarios'));
  for (const [name, file] of modules) fs.copyFileSync(file, path.join(tree, 'modules', `${name}.ko`));
  for (const file of files) fs.cpSync(file, path.join(tree, 'files', path.basename(file)), { recursive: true });
  const complete: Plan = { ...plan, modules: Object.fromEntries([...modules.keys()].map((name) => [name, `/kmesh/modules/${name}.ko`])) };
  fs.writeFileSync(path.join(tree, 'plan.json'), JSON.stringify(complete));
  const image = path.join(folder, 'inputs.ext4');
  makeDisk(tree, image);
  fs.rmSync(tree, { recursive: true });
  return image;
}

async function bundle(entryPoints: readonly string[], outdir: string): Promise<void> {
  await build({
    entryPoints: [...entryPoints],
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['koffi'],
    banner: { js: "import { createRequire as vmCreateRequire } from 'node:module'; const require = vmCreateRequire(import.meta.url);" },
    logLevel: 'warning',
  });
}
