// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { hasFunction, structMembers, structSize } from '../../../agent/probe/btf.js';
import { btfFromElf, checkBpfObject, elfSection } from '../../../agent/probe/elf.js';
import { objectImage } from '../../helpers/faults/kernelModule.js';
import { ProbeError } from '../../../agent/probe/probeError.js';

const clangIsThere = spawnSync('clang', ['--version']).status === 0;
const skip = clangIsThere || process.env['CI'] === 'true' ? false : 'clang is not installed';

const SOURCE = `
struct km_test { unsigned char addr[16]; unsigned short port; unsigned int flags : 3, rest : 29; void *next; };
struct km_test storage;
int km_function(void) { return storage.port; }
`;

t.test('an object of clang', { skip }, (t) => {
  const folder = t.testdir({ 'unit.c': SOURCE });
  const compile = (...options: string[]): Uint8Array => {
    execFileSync('clang', ['-target', 'bpf', '-O2', ...options, '-c', `${folder}/unit.c`, '-o', `${folder}/unit.o`]);
    return readFileSync(`${folder}/unit.o`);
  };
  const object = compile('-g');
  const btf = btfFromElf(object);
  t.throws(() => checkBpfObject(object), /no .maps section/);
  t.equal(structSize(btf, 'km_test'), 32);
  t.same(structMembers(btf, 'km_test'), [
    { name: 'addr', offsetBits: 0, sizeBytes: 16 },
    { name: 'port', offsetBits: 128, sizeBytes: 2 },
    { name: 'flags', offsetBits: 144 },
    { name: 'rest', offsetBits: 160 },
    { name: 'next', offsetBits: 192, sizeBytes: 8 },
  ]);
  t.equal(hasFunction(btf, 'km_function'), true);
  t.equal(elfSection(object, '.BTF.no'), undefined);

  const outcome = (bytes: Uint8Array): unknown => {
    try {
      btfFromElf(bytes);
      return 'answer';
    } catch (error) {
      return error instanceof ProbeError ? 'ProbeError' : error;
    }
  };
  const cut = Array.from({ length: object.length }, (_, length) => outcome(object.subarray(0, length)));
  t.same([...new Set(cut)], ['ProbeError'], 'cut anywhere');
  const changed = [0, 0x7f, 0xff].flatMap((value) => Array.from(object, (_, at) => outcome(Uint8Array.from(object).with(at, value))));
  t.same([...new Set(changed)].sort(), ['ProbeError', 'answer'], 'changed anywhere');
  t.throws(() => btfFromElf(compile()), { name: 'ProbeError', problem: 'unsupported', message: /compile with -g/ }, 'without debug information');
  t.end();
});

t.test('an object with eBPF programs is told from other files', (t) => {
  const object = objectImage();
  checkBpfObject(object);
  const changed = (change: (bytes: Buffer) => unknown): Buffer => {
    const bytes = Buffer.from(object);
    change(bytes);
    return bytes;
  };
  t.throws(() => checkBpfObject(changed((bytes) => bytes.writeUInt16LE(62, 18))), { problem: 'unsupported', message: /machine 62, not for 247/ }, 'of x86_64');
  t.throws(() => checkBpfObject(changed((bytes) => bytes.writeUInt16LE(2, 16))), { problem: 'unsupported', message: /type 2/ }, 'linked');
  t.throws(() => checkBpfObject(changed((bytes) => bytes.write('.napz', bytes.lastIndexOf('.maps')))), { problem: 'garbage', message: /no .maps section/ });
  t.throws(() => checkBpfObject(changed((bytes) => bytes.write('.BXF', bytes.lastIndexOf('.BTF')))), { problem: 'unsupported', message: /no .BTF section/ });
  t.throws(() => checkBpfObject(object.subarray(0, -1)), { name: 'ProbeError', problem: 'truncated' });
  t.throws(() => checkBpfObject(Buffer.from('text')), { name: 'ProbeError' });
  t.end();
});

t.test('what is not such an object', (t) => {
  const elf = (change: (view: DataView) => void): Uint8Array => {
    const view = new DataView(new ArrayBuffer(64));
    view.setUint32(0, 0x7f454c46);
    view.setUint8(4, 2);
    view.setUint8(5, 1);
    change(view);
    return new Uint8Array(view.buffer);
  };
  t.throws(() => btfFromElf(new Uint8Array()), { name: 'ProbeError', problem: 'empty' });
  t.throws(() => btfFromElf(new Uint8Array(63)), { name: 'ProbeError', problem: 'truncated' });
  t.throws(() => btfFromElf(new Uint8Array(64)), { name: 'ProbeError', problem: 'garbage' });
  t.throws(() => btfFromElf(elf((v) => v.setUint8(4, 1))), { name: 'ProbeError', problem: 'unsupported' }, '32-bit');
  t.throws(() => btfFromElf(elf((v) => v.setUint8(5, 2))), { name: 'ProbeError', problem: 'unsupported' }, 'big-endian');
  t.throws(() => btfFromElf(elf((v) => v.setUint16(60, 1, true))), { name: 'ProbeError', problem: 'garbage' }, 'section headers of 0 bytes');
  t.throws(() => btfFromElf(elf((v) => { v.setBigUint64(40, 2n ** 63n, true); v.setUint16(58, 64, true); v.setUint16(60, 1, true); })), { name: 'ProbeError', problem: 'truncated' });
  t.throws(() => btfFromElf(elf(() => undefined)), { name: 'ProbeError', problem: 'garbage' }, 'no sections at all');
  t.end();
});
