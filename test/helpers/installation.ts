// SPDX-License-Identifier: Apache-2.0
/** Copies of this project as nodes have them: this version, and one whose maps have another layout. */
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { LAYOUT_VERSION } from '../../daemon/maps/layout.js';
import { ROOT } from './node.js';

/** What the other version has instead, in every file that knows the layout: a longer key of one map, a longer value of another, another version. */
const OTHER: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'bpf/include/kmesh/layout.h': [
    [`#define KM_LAYOUT_VERSION ${LAYOUT_VERSION}\n`, `#define KM_LAYOUT_VERSION ${LAYOUT_VERSION + 1}\n`],
    ['struct km_slot_key {\n', 'struct km_slot_key {\n\t__u32 spare;\n'],
    ['struct km_cluster {\n', 'struct km_cluster {\n\t__u32 spare[3];\n'],
  ],
  'daemon/maps/layout.ts': [
    [`LAYOUT_VERSION = ${LAYOUT_VERSION};`, `LAYOUT_VERSION = ${LAYOUT_VERSION + 1};`],
    ['km_slot_key: { size: 8, fields: { cluster_id: 0, index: 4 } }', 'km_slot_key: { size: 12, fields: { cluster_id: 4, index: 8 } }'],
    [
      'km_cluster: { size: 20, fields: { slots: 0, max_connections: 8, kind: 12, lb: 13, reason: 14, panic: 15, lock: 16 } }',
      'km_cluster: { size: 32, fields: { slots: 12, max_connections: 20, kind: 24, lb: 25, reason: 26, panic: 27, lock: 28 } }',
    ],
  ],
};

/** @throws when a source is not as OTHER takes it to be: then the other version would be no other one */
function otherText(file: string): string {
  return OTHER[file]!.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
    return text.replace(from, to);
  }, fs.readFileSync(path.join(ROOT, file), 'utf8'));
}

export interface Installation {
  readonly folder: string;
  readonly layoutVersion: number;
  readonly daemon: string;
  readonly bpf: string;
}

/** This version, in a folder of its own: agent.js, daemon.js and the eBPF sources. */
export function thisVersion(folder: string): Installation {
  fs.mkdirSync(folder, { recursive: true });
  for (const file of ['agent.js', 'daemon.js', 'package.json']) fs.copyFileSync(path.join(ROOT, file), path.join(folder, file));
  fs.cpSync(path.join(ROOT, 'bpf'), path.join(folder, 'bpf'), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return { folder, layoutVersion: LAYOUT_VERSION, daemon: path.join(folder, 'daemon.js'), bpf: path.join(folder, 'bpf') };
}

/** The next version, whose maps have another layout. */
export async function otherVersion(folder: string): Promise<Installation> {
  const made = thisVersion(folder);
  fs.writeFileSync(path.join(folder, 'bpf/include/kmesh/layout.h'), otherText('bpf/include/kmesh/layout.h'));
  await build({
    entryPoints: [path.join(ROOT, 'daemon/main.ts')],
    outfile: made.daemon,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['koffi'],
    define: { KMESH_VERSION: '"0.0.0-other"' },
    banner: { js: "import { createRequire as kmeshCreateRequire } from 'node:module'; const require = kmeshCreateRequire(import.meta.url);" },
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [{ name: 'other-layout', setup: (hooks) => hooks.onLoad({ filter: /daemon\/maps\/layout\.ts$/ }, () => ({ contents: otherText('daemon/maps/layout.ts'), loader: 'ts' })) }],
  });
  return { ...made, layoutVersion: LAYOUT_VERSION + 1 };
}
