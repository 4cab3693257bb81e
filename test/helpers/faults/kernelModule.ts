// SPDX-License-Identifier: Apache-2.0
/** What compilers make, to the agent's parsers, without a compiler. */
import { btfImage } from '../../agent/probe/btfImage.js';

const HEADER = 64;

/** Bytes that are kmesh.ko: an ELF file with .modinfo and a build id. */
export function moduleImage(release: string, buildId: string): Buffer {
  return elfImage([
    ['.modinfo', Buffer.from(`name=kmesh\0vermagic=${release} SMP preempt mod_unload modversions \0`)],
    ['.note.gnu.build-id', buildIdNote(buildId)],
  ]);
}

/** Bytes that are kmesh.bpf.o to them. */
export function objectImage(): Buffer {
  // ET_REL and EM_BPF.
  return elfImage([['.maps', Buffer.alloc(8)], ['.BTF', btfImage([{ kind: 'func', name: 'steer' }])]], { type: 1, machine: 247 });
}

function elfImage(parts: readonly (readonly [name: string, bytes: Uint8Array])[], { type, machine } = { type: 0, machine: 0 }): Buffer {
  const known = [['', Buffer.alloc(0)] as const, ...parts, ['.shstrtab', Buffer.from(`\0${[...parts.map(([name]) => name), '.shstrtab'].join('\0')}\0`)] as const];
  const sections = known.map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }));
  const names = sections.at(-1)!.bytes;
  let at = HEADER;
  const headers = sections.map(({ name, bytes }) => {
    const header = Buffer.alloc(HEADER);
    header.writeUInt32LE(name === '' ? 0 : names.indexOf(`${name}\0`), 0);
    header.writeUInt32LE(name === '' ? 0 : 1, 4);
    header.writeBigUInt64LE(BigInt(at), 24);
    header.writeBigUInt64LE(BigInt(bytes.length), 32);
    at += bytes.length;
    return header;
  });
  const head = Buffer.alloc(HEADER);
  head.write('\x7fELF\x02\x01', 'latin1');
  head.writeUInt16LE(type, 16);
  head.writeUInt16LE(machine, 18);
  head.writeBigUInt64LE(BigInt(at), 40);
  head.writeUInt16LE(HEADER, 58);
  head.writeUInt16LE(sections.length, 60);
  head.writeUInt16LE(sections.length - 1, 62);
  return Buffer.concat([head, ...sections.map(({ bytes }) => bytes), ...headers]);
}

/** Contents of /sys/module/NAME/notes/.note.gnu.build-id. */
export function buildIdNote(buildId: string): Buffer {
  const id = Buffer.from(buildId, 'hex');
  const note = Buffer.alloc(12);
  [4, id.length, 3].forEach((word, i) => note.writeUInt32LE(word, i * 4));
  return Buffer.concat([note, Buffer.from('GNU\0'), id]);
}
