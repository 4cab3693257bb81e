// SPDX-License-Identifier: Apache-2.0
/** Bytes that are kmesh.ko to the agent's parsers: an ELF file with .modinfo and a build id, made without a compiler. */

const HEADER = 64;

export function moduleImage(release: string, buildId: string): Buffer {
  const sections = [
    { name: '', bytes: Buffer.alloc(0) },
    { name: '.modinfo', bytes: Buffer.from(`name=kmesh\0vermagic=${release} SMP preempt mod_unload modversions \0`) },
    { name: '.note.gnu.build-id', bytes: buildIdNote(buildId) },
    { name: '.shstrtab', bytes: Buffer.from('\0.modinfo\0.note.gnu.build-id\0.shstrtab\0') },
  ];
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
