// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto';

/** Everything that decides what comes out of the compiler. */
export interface BuildInputs {
  /** `uname -r` and `uname -m`. */
  readonly release: string;
  readonly architecture: string;
  /** Digest of the kernel configuration; undefined: not readable. */
  readonly configSha256: string | undefined;
  /** Digest of Module.symvers; undefined: no header tree. */
  readonly moduleSymversSha256: string | undefined;
  /** Whole output of `clang --version`. */
  readonly compiler: string;
  /** Name and version of the compiler for the kernel module; undefined: none is compiled. */
  readonly moduleCompiler: string | undefined;
  /** Digest of the certificate that the module is signed by; undefined: it is not signed. */
  readonly moduleSigner?: string | undefined;
  /** undefined: not known. */
  readonly libbpfVersion: string | undefined;
  readonly macros: Readonly<Record<string, number>>;
  readonly helperIds: ReadonlyMap<string, number>;
  /** Every source and header of the build; paths relative to the install folder. */
  readonly sources: readonly { readonly path: string; readonly sha256: string }[];
}

/** Raised when the same inputs begin to mean another output, so that old builds are not taken for new ones. */
const DOMAIN = 'kmesh build key 2';

/**
 * Name of the build folder for these inputs: 64 hex digits. Equal inputs give the same key in whatever order
 * macros and sources come.
 */
export function buildKey(inputs: BuildInputs): string {
  const hash = createHash('sha256');
  field(hash, DOMAIN);
  field(hash, inputs.release);
  field(hash, inputs.architecture);
  field(hash, inputs.configSha256);
  field(hash, inputs.moduleSymversSha256);
  field(hash, inputs.compiler);
  field(hash, inputs.moduleCompiler);
  field(hash, inputs.moduleSigner);
  field(hash, inputs.libbpfVersion);
  table(hash, 'macros', Object.entries(inputs.macros));
  table(hash, 'helperIds', [...inputs.helperIds]);
  table(hash, 'sources', inputs.sources.map(({ path, sha256 }) => [path, sha256] as const));
  return hash.digest('hex');
}

/** Length first, so that no two lists of fields make the same bytes; missing differs from empty. */
function field(hash: Hash, value: string | undefined): void {
  if (value === undefined) {
    hash.update('-;');
    return;
  }
  const bytes = Buffer.from(value, 'utf8');
  hash.update(`${bytes.length}:`).update(bytes).update(';');
}

function table(hash: Hash, name: string, entries: readonly (readonly [string, string | number])[]): void {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  field(hash, name);
  field(hash, String(sorted.length));
  for (const [i, [key, value]] of sorted.entries()) {
    if (key === sorted[i - 1]?.[0]) throw new Error(`${key} stands twice in the ${name} of a build`);
    field(hash, key);
    field(hash, String(value));
  }
}
