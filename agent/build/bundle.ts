// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { moduleFacts } from '../probe/moduleFile.js';
import { buildManifest } from './manifest.js';
import { readTar, TarError, writeTar } from './tar.js';

export const BPF_FILE = 'kmesh.bpf.o';
export const MODULE_FILE = 'kmesh.ko';
const MANIFEST_FILE = 'manifest.json';

/** Both products with all debug information have less than 10 MiB. */
export const MAX_BUNDLE_BYTES = 64 << 20;
const MAX_MANIFEST_BYTES = 1 << 16;

const digest = z.object({ sha256: z.string(), bytes: z.int().nonnegative() });

const bundleManifest = buildManifest.extend({
  kind: z.literal('kmesh bundle'),
  /** Of kmesh.ko, as modinfo shows it; null: it has none. */
  vermagic: z.string().max(1000).nullable(),
  files: z.object({ [BPF_FILE]: digest, [MODULE_FILE]: digest.optional() }),
});

export type BundleManifest = z.infer<typeof bundleManifest>;

/** A finished build in one file. */
export interface Bundle {
  readonly manifest: BundleManifest;
  readonly object: Uint8Array;
  /** undefined: it steers by address only. */
  readonly module: { readonly bytes: Uint8Array; readonly signed: boolean } | undefined;
}

/** @throws ProbeError when `module` is no kernel module */
export function writeBundle(manifest: z.infer<typeof buildManifest>, object: Uint8Array, module: Uint8Array | undefined): Uint8Array {
  const files = { [BPF_FILE]: digestOf(object), ...(module === undefined ? {} : { [MODULE_FILE]: digestOf(module) }) };
  const whole: BundleManifest = { ...manifest, kind: 'kmesh bundle', vermagic: module === undefined ? null : moduleFacts(module).vermagic, files: files as BundleManifest['files'] };
  return writeTar([
    { name: MANIFEST_FILE, content: Buffer.from(`${JSON.stringify(whole, undefined, 2)}\n`) },
    { name: BPF_FILE, content: object },
    ...(module === undefined ? [] : [{ name: MODULE_FILE, content: module }]),
  ]);
}

/** @throws TarError, ProbeError: it is no bundle, or is damaged */
export function readBundle(bytes: Uint8Array): Bundle {
  const files = new Map(readTar(bytes, [MANIFEST_FILE, BPF_FILE, MODULE_FILE]).map(({ name, content }) => [name, content]));
  const manifest = readManifest(files.get(MANIFEST_FILE));
  const object = checked(files, BPF_FILE, manifest.files[BPF_FILE]);
  const module = checked(files, MODULE_FILE, manifest.files[MODULE_FILE]);
  if (object === undefined) throw new TarError(`it has no ${BPF_FILE}`);
  if (module === undefined) return { manifest, object, module };
  const { name, release, signed } = moduleFacts(module);
  if (name !== 'kmesh' || release !== manifest.identity.release) throw new TarError(`its ${MODULE_FILE} is the module ${name} for ${release}, its manifest says kmesh for ${manifest.identity.release}`);
  return { manifest, object, module: { bytes: module, signed } };
}

function readManifest(content: Uint8Array | undefined): BundleManifest {
  if (content === undefined) throw new TarError(`it has no ${MANIFEST_FILE}`);
  if (content.length > MAX_MANIFEST_BYTES) throw new TarError(`its ${MANIFEST_FILE} has ${content.length} bytes`);
  try {
    return bundleManifest.parse(JSON.parse(Buffer.from(content).toString('utf8')));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const why = issue === undefined ? 'no JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw new TarError(`its ${MANIFEST_FILE} cannot be understood (${why}); was it written by another version of the agent?`);
  }
}

function checked(files: ReadonlyMap<string, Uint8Array>, name: string, expected: z.infer<typeof digest> | undefined): Uint8Array | undefined {
  const content = files.get(name);
  if (content === undefined && expected === undefined) return undefined;
  if (content === undefined || expected === undefined) throw new TarError(`${name} is ${content === undefined ? 'in its manifest, but not in it' : 'in it, but not in its manifest'}`);
  const found = digestOf(content);
  if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256) throw new TarError(`${name} in it is damaged: its digest is ${found.sha256.slice(0, 12)}, the manifest says ${expected.sha256.slice(0, 12)}`);
  return content;
}

const digestOf = (content: Uint8Array): z.infer<typeof digest> => ({ sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length });
