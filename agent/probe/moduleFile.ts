// SPDX-License-Identifier: Apache-2.0
import { elfSection } from './elf.js';
import { buildIdOf } from './elfNotes.js';
import { ProbeError } from './probeError.js';

/** What a compiled kernel module says of itself. */
export interface ModuleFacts {
  readonly name: string;
  /** Release, and the options of the kernel that change what modules see of it (include/linux/vermagic.h). */
  readonly vermagic: string;
  /** Release of the kernel that it was compiled for: the first word of its vermagic. */
  readonly release: string;
  /** undefined: it was linked without one, so that no two builds can be told apart. */
  readonly buildId: string | undefined;
  /** A signature is appended; whether the kernel trusts it only the kernel knows. */
  readonly signed: boolean;
}

/** Ends a signed module (MODULE_SIG_STRING, include/linux/module_signature.h). */
const SIGNATURE_MAGIC = '~Module signature appended~\n';

/** @throws ProbeError for bytes that are no kernel module */
export function moduleFacts(bytes: Uint8Array): ModuleFacts {
  const section = elfSection(bytes, '.modinfo');
  if (section === undefined) throw new ProbeError('kernel module', 'garbage', 'it has no .modinfo section');
  const info = modinfo(section);
  const [name, vermagic] = [info.get('name'), info.get('vermagic')];
  if (name === undefined || vermagic === undefined) throw new ProbeError('kernel module', 'garbage', 'its .modinfo section has no name or no vermagic');
  const notes = elfSection(bytes, '.note.gnu.build-id');
  return {
    name,
    vermagic,
    release: vermagic.split(' ')[0] ?? '',
    buildId: notes === undefined ? undefined : buildIdOf(notes),
    signed: Buffer.from(bytes.subarray(-SIGNATURE_MAGIC.length)).toString('latin1') === SIGNATURE_MAGIC,
  };
}

/** Texts `key=value`, each with a NUL behind it (include/linux/moduleparam.h, __MODULE_INFO). */
function modinfo(section: Uint8Array): ReadonlyMap<string, string> {
  const entries = new TextDecoder().decode(section).split('\0');
  return new Map(entries.filter((entry) => entry.includes('=')).map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}
