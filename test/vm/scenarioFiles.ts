// SPDX-License-Identifier: Apache-2.0
/** The scenarios of test/vm/scenarios as the host sees them: what they say of themselves. */
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Scenario } from './guest/scenario.js';
import { ROOT } from './paths.js';

const FOLDER = path.join(ROOT, 'test/vm/scenarios');

export interface ScenarioFile {
  readonly file: string;
  readonly scenario: Scenario;
}

export async function readScenarios(): Promise<ScenarioFile[]> {
  const names = fs.readdirSync(FOLDER).filter((name) => /\.(ts|mjs)$/.test(name)).sort();
  // Below the project, so that its packages are found from there.
  const outdir = path.join(ROOT, 'build/vm', `scenarios-${process.pid}`);
  process.on('exit', () => fs.rmSync(outdir, { recursive: true, force: true }));
  await build({ entryPoints: names.map((name) => path.join(FOLDER, name)), outdir, outExtension: { '.js': '.mjs' }, bundle: true, platform: 'node', target: 'node20', format: 'esm', packages: 'external', logLevel: 'warning' });
  return Promise.all(names.map((name) => read(name, outdir)));
}

async function read(name: string, outdir: string): Promise<ScenarioFile> {
  const stem = name.replace(/\.\w+$/, '');
  const scenario = (await import(pathToFileURL(path.join(outdir, `${stem}.mjs`)).href)) as Scenario;
  if (scenario.name !== stem || typeof scenario.run !== 'function') throw new Error(`test/vm/scenarios/${name} must export name = '${stem}' and run`);
  return { file: path.join(FOLDER, name), scenario };
}
