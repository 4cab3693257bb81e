// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Sys } from './sys.js';

/** Replaced by the bundler with the version of package.json; not there when the agent runs from its sources. */
declare const KMESH_VERSION: string | undefined;

export async function agentVersion(sys: Sys, root: string): Promise<string> {
  if (typeof KMESH_VERSION === 'string') return KMESH_VERSION;
  const { version } = JSON.parse(await sys.readText(path.join(root, 'package.json'), 1 << 16)) as { version: string };
  return version;
}
