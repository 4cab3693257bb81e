// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ROOT } from '../helpers/node.js';

const example = z.strictObject({
  apiVersion: z.string(),
  kind: z.literal('Kustomization'),
  resources: z.tuple([z.literal('kmesh.yaml')]),
  images: z.tuple([z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })]),
  patches: z.tuple([z.strictObject({ target: z.strictObject({ kind: z.literal('DaemonSet'), name: z.string() }), patch: z.string() })]),
});

const operations = z.tuple([z.strictObject({ op: z.literal('replace'), path: z.string(), value: z.string() })]);

/** The kustomization that docs/deploy.md shows, and its one operation on the DaemonSet. */
export function shownKustomization() {
  const docs = fs.readFileSync(path.join(ROOT, 'docs/deploy.md'), 'utf8');
  const block = /```yaml\n(apiVersion: kustomize[^]*?)```/.exec(docs)?.[1];
  if (block === undefined) throw new Error('docs/deploy.md shows no kustomization');
  const shown = example.parse(parse(block));
  return { shown, operation: operations.parse(parse(shown.patches[0].patch))[0] };
}
