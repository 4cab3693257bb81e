// SPDX-License-Identifier: Apache-2.0
import { type Btf, enumHas } from './btf.js';
import { stripComments } from './cText.js';
import { type Fact, no, unknown, yes } from './fact.js';
import { boundText } from './probeError.js';

const LIMIT_KIB = 1024;

/** A file's text with where it was read. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/**
 * Whether `enum iter_type` has ITER_UBUF (since Linux 6.0): asked of the running kernel's BTF, else of the
 * header tree's include/linux/uio.h.
 */
export function iterUbufFact(btf: Btf | undefined, uioHeader: SourceText | undefined): Fact {
  if (btf !== undefined) {
    return enumHas(btf, 'iter_type', 'ITER_UBUF')
      ? yes("enum iter_type has ITER_UBUF in the kernel's BTF")
      : no("enum iter_type has no ITER_UBUF in the kernel's BTF");
  }
  if (uioHeader === undefined) return unknown('ITER_UBUF: neither BTF nor linux/uio.h was readable');
  boundText(uioHeader.path, uioHeader.text, LIMIT_KIB);
  const body = /\benum\s+iter_type\s*\{([^}]*)\}/.exec(stripComments(uioHeader.text).text)?.[1];
  if (body === undefined) return unknown(`ITER_UBUF: no enum iter_type in ${uioHeader.path}`);
  return /\bITER_UBUF\b/.test(body) ? yes(`ITER_UBUF is in ${uioHeader.path}`) : no(`ITER_UBUF is not in ${uioHeader.path}`);
}
