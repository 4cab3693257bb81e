// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { elfSection } from '../../../agent/probe/elf.js';
import { buildIdOf } from '../../../agent/probe/elfNotes.js';
import { ProbeError } from '../../../agent/probe/probeError.js';
import { makeModuleFile } from '../../helpers/moduleFile.js';

/** One note as the linker writes it. */
function note(name: string, type: number, description: string): Buffer {
  const pad = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const header = Buffer.alloc(12);
  const [nameBytes, bytes] = [Buffer.from(name), Buffer.from(description, 'hex')];
  header.writeUInt32LE(nameBytes.length, 0);
  header.writeUInt32LE(bytes.length, 4);
  header.writeUInt32LE(type, 8);
  return Buffer.concat([header, pad(nameBytes), pad(bytes)]);
}

t.test('the id that readelf reads', (t) => {
  const file = makeModuleFile(t.testdir());
  const section = elfSection(readFileSync(file), '.note.gnu.build-id') ?? new Uint8Array();
  const [, byReadelf = ''] = /Build ID: ([0-9a-f]+)/.exec(execFileSync('readelf', ['-n', file], { encoding: 'utf8' })) ?? [];
  t.match(byReadelf, /^[0-9a-f]{40}$/);
  t.equal(buildIdOf(section), byReadelf);

  const cut = Array.from({ length: section.length }, (_, length) => length).filter((length) => length > 0);
  for (const length of cut) t.throws(() => buildIdOf(section.subarray(0, length)), { name: 'ProbeError', problem: 'truncated' }, `${length} bytes of it`);
  t.equal(buildIdOf(new Uint8Array()), undefined, 'no notes at all');
  t.end();
});

t.test('found among others', (t) => {
  const id = note('GNU\0', 3, '0102030405');
  t.equal(buildIdOf(Buffer.concat([note('Linux\0', 0x100, '0a'), note('GNU\0', 5, 'ff'), id])), '0102030405', 'padded names and descriptions');
  t.equal(buildIdOf(note('GNU\0', 3, '')), undefined, 'an empty one');
  t.equal(buildIdOf(note('Linux\0', 3, '0a')), undefined, 'of another owner');
  t.equal(buildIdOf(note('GN', 3, '0a')), undefined);
  const inside = Buffer.concat([Buffer.alloc(3, 0xff), id, Buffer.alloc(3, 0xff)]).subarray(3, 3 + id.length);
  t.equal(buildIdOf(inside), '0102030405', 'a part of a larger buffer');
  t.end();
});

t.test('hostile bytes are an answer or a ProbeError', (t) => {
  const notes = Buffer.concat([note('Linux\0', 0x100, '0a0b'), note('GNU\0', 3, '0102030405060708')]);
  const outcome = (bytes: Uint8Array): unknown => {
    try {
      buildIdOf(bytes);
      return 'answer';
    } catch (error) {
      return error instanceof ProbeError ? 'ProbeError' : error;
    }
  };
  const changed = [0, 1, 0x7f, 0xff].flatMap((value) => Array.from(notes, (_, at) => outcome(Uint8Array.from(notes).with(at, value))));
  t.same([...new Set(changed)].sort(), ['ProbeError', 'answer']);
  t.end();
});

const KERNEL_NOTES = '/sys/kernel/notes';
t.test("the running kernel's own notes", { skip: existsSync(KERNEL_NOTES) ? false : `no ${path.basename(KERNEL_NOTES)} here` }, (t) => {
  t.match(buildIdOf(readFileSync(KERNEL_NOTES)), /^[0-9a-f]{16,}$/);
  t.end();
});
