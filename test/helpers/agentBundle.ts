// SPDX-License-Identifier: Apache-2.0
/** The agent as one file, as nodes have it. */
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { projectRoot } from './agentContext.js';

/** Of such a bundle. */
export const BUNDLE_VERSION = '9.8.7';

/** Bundles the agent into an empty folder, beside a link to node_modules. @returns its file */
export async function bundleAgent(folder: string): Promise<string> {
  const outfile = path.join(folder, 'agent.mjs');
  symlinkSync(path.join(projectRoot, 'node_modules'), path.join(folder, 'node_modules'));
  await build({
    entryPoints: [path.join(projectRoot, 'agent/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    define: { KMESH_VERSION: JSON.stringify(BUNDLE_VERSION) },
    banner: { js: "import { createRequire as kmeshCreateRequire } from 'node:module'; const require = kmeshCreateRequire(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}
