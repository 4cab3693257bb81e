// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Sys } from './sys.js';

/** Replaced by the bundler with the version of package.json; not there when the agent runs from its sources. */
declare const KMESH_VERSION: string | undefined;

export async function agentVersion(sys: Sys, root: string): Promise<string> {
  if (typeof KMESH_VERSION === 'string') return KMESH_VERSION;
  // No reason to keep a node out of the mesh, whatever is wrong with the file.
  const text = await sys.readText(path.join(root, 'package.json'), 1 << 16).catch(() => '');
  const version = /^  "version": "([^"]+)",?$/m.exec(text)?.[1];
  return version ?? 'of unknown version';
}
