// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';

/** Its name in a build folder and in a bundle. */
export const MANIFEST = 'build.json';

const text = z.string().max(1000);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a build was made for. null: not known where it was made. */
const identity = z.object({
  release: text,
  architecture: text,
  configSha256: sha256.nullable(),
  moduleSymversSha256: sha256.nullable(),
  macros: z.record(z.string().max(64), z.union([z.literal(0), z.literal(1), z.null()])),
  helperIds: z.record(z.string().max(64), z.int().positive()),
  /** Digests of all sources; null for the module: none are there. */
  sources: z.object({ bpf: sha256, module: sha256.nullable() }),
});

export type BuildIdentity = z.infer<typeof identity>;

/** Tells a build apart from those for other kernels and of other sources; lies beside its products. */
export const buildManifest = z.object({
  format: z.literal(1),
  /** Of the agent. */
  version: text,
  key: sha256,
  identity,
  /** First line of `clang --version`; whose bundle it is from. */
  compiler: text,
  moduleCompiler: text.nullable(),
});

export type BuildManifest = z.infer<typeof buildManifest>;

/**
 * Why a build made for `theirs` is none for `ours`, each difference as a phrase; empty: it fits. What one side does not
 * know is no difference: a node without headers does not know Module.symvers.
 */
export function differences(theirs: BuildIdentity, ours: BuildIdentity): readonly string[] {
  const plain = (what: string, a: string | null, b: string | null): string[] => (a === null || b === null || a === b ? [] : [`${what} ${short(a)}, here ${short(b)}`]);
  return [
    ...plain('kernel', theirs.release, ours.release),
    ...plain('architecture', theirs.architecture, ours.architecture),
    ...plain('kernel configuration', theirs.configSha256, ours.configSha256),
    ...plain('Module.symvers', theirs.moduleSymversSha256, ours.moduleSymversSha256),
    ...plain('sources of the eBPF programs', theirs.sources.bpf, ours.sources.bpf),
    ...plain('sources of kmesh.ko', theirs.sources.module, ours.sources.module),
    ...tableDifferences('macro', theirs.macros, ours.macros, true),
    ...tableDifferences('helper', theirs.helperIds, ours.helperIds, false),
  ];
}

/** @param tolerant whether null on either side is no difference */
function tableDifferences(what: string, theirs: Readonly<Record<string, number | null>>, ours: Readonly<Record<string, number | null>>, tolerant: boolean): string[] {
  const names = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].sort();
  return names.flatMap((name) => {
    const [a, b] = [Object.hasOwn(theirs, name) ? theirs[name] : undefined, Object.hasOwn(ours, name) ? ours[name] : undefined];
    if (a === b || (tolerant && (a === null || b === null))) return [];
    return [`${what} ${name} ${a ?? 'absent'}, here ${b ?? 'absent'}`];
  });
}

/** Digests are as good with twelve digits, and readable. */
const short = (value: string): string => (/^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value);
