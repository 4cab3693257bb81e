// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseBpfHeader } from '../../../agent/probe/bpfHeader.js';
import { type Btf, btfHelpers, enumHas, enumValues, hasFunction, parseBtf, structMembers, structSize } from '../../../agent/probe/btf.js';
import { ProbeError } from '../../../agent/probe/probeError.js';
import { type TypeSpec, btfImage } from './btfImage.js';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const skip = existsSync(VMLINUX) || process.env['CI'] === 'true' ? false : `this kernel has no ${VMLINUX}`;
const HEADER = fileURLToPath(new URL('../../../../shared/fixtures/bpf-h/v6.6.h', import.meta.url));

t.test('the running kernel', { skip }, (t) => {
  const bytes = readFileSync(VMLINUX);
  const start = performance.now();
  const btf = parseBtf(bytes);
  const helpers = btfHelpers(btf);
  t.ok(performance.now() - start < 1500, 'parses in a fraction of a start (about 30 ms, unless the machine is busy)');
  // Mainline ids are part of the uapi and never change (include/uapi/linux/bpf.h).
  for (const [name, id] of [['map_lookup_elem', 1], ['map_update_elem', 2], ['sk_storage_get', 107]] as const) {
    t.equal(helpers?.get(name), id, name);
  }
  if (helpers?.has('set_retval') === true) t.equal(helpers.get('set_retval'), 187);
  t.notOk(helpers?.has('unspec'), 'the placeholder is no helper');
  t.notOk([...(helpers?.keys() ?? [])].some((name) => name.includes('MAX_ID')), 'the end marker is no helper');
  t.ok(hasFunction(btf, 'vfs_read'));
  t.notOk(hasFunction(btf, 'vfs_rea'), 'a prefix of a name is not the name');
  t.notOk(hasFunction(btf, 'fs_read'), 'a suffix of a name is not the name');
  t.notOk(hasFunction(btf, 'bpf_sock_addr'), 'a struct is no function');
  t.equal(enumHas(btf, 'bpf_func_id', 'BPF_FUNC_map_lookup_elem'), true);
  t.equal(enumHas(btf, 'bpf_func_id', 'BPF_FUNC_no_such'), false);
  t.match(structMembers(btf, 'bpf_sock_addr')?.slice(0, 3), [
    { name: 'user_family', offsetBits: 0, sizeBytes: 4 },
    { name: 'user_ip4', offsetBits: 32, sizeBytes: 4 },
    { name: 'user_ip6', offsetBits: 64, sizeBytes: 16 },
  ], 'struct bpf_sock_addr is uapi');
  t.end();
});

t.test('the running kernel and a mainline header agree on every helper that both have', { skip: skip || (existsSync(HEADER) ? false : 'no ../shared/fixtures beside the project') }, (t) => {
  const header = parseBpfHeader(readFileSync(HEADER, 'utf8'));
  const helpers = btfHelpers(parseBtf(readFileSync(VMLINUX)));
  if (!header.ok || helpers === undefined) return Promise.reject(new Error('neither may be missing'));
  const both = [...header.helpers].filter(([name]) => helpers.has(name));
  t.ok(both.length > 80);
  for (const [name, id] of both) t.equal(helpers.get(name), id, name);
  t.end();
  return undefined;
});

const SPECS: readonly TypeSpec[] = [
  { kind: 'enum', name: 'bpf_func_id', values: [['BPF_FUNC_unspec', 0], ['BPF_FUNC_a', 1], ['BPF_FUNC_b', 7], ['__BPF_FUNC_MAX_ID', 8]] },
  { kind: 'enum', name: 'negative', signed: true, values: [['MINUS', -2]] },
  { kind: 'enum', name: 'unsigned', values: [['HIGH', 0xfffffffe]] },
  { kind: 'enum64', name: 'wide', values: [['BIG', 2 ** 40 + 3]] },
  { kind: 'enum64', name: 'wide_negative', signed: true, values: [['MINUS', -5]] },
  { kind: 'func', name: 'function_here' },
  { kind: 'struct', name: 'plain', size: 24, members: [['a', 1, 0], ['list', 2, 32], ['p', 3, 128]] },
  { kind: 'struct', name: 'bits', size: 8, members: [['low', 1, 0, 3], ['high', 1, 3, 29], ['whole', 1, 32, 0]] },
];

for (const littleEndian of [true, false]) {
  t.test(littleEndian ? 'little-endian' : 'big-endian', (t) => {
    const btf = parseBtf(btfImage(SPECS, littleEndian));
    t.same([...(btfHelpers(btf) ?? [])], [['a', 1], ['b', 7]]);
    t.same([...(enumValues(btf, 'negative') ?? [])], [['MINUS', -2]]);
    t.same([...(enumValues(btf, 'unsigned') ?? [])], [['HIGH', 0xfffffffe]]);
    t.same([...(enumValues(btf, 'wide') ?? [])], [['BIG', 2 ** 40 + 3]]);
    t.same([...(enumValues(btf, 'wide_negative') ?? [])], [['MINUS', -5]]);
    t.equal(enumValues(btf, 'plain'), undefined, 'a struct is no enum');
    t.equal(hasFunction(btf, 'function_here'), true);
    t.same(structMembers(btf, 'plain'), [
      { name: 'a', offsetBits: 0, sizeBytes: 4 },
      { name: 'list', offsetBits: 32, sizeBytes: 12 },
      { name: 'p', offsetBits: 128, sizeBytes: 8 },
    ]);
    t.same(structMembers(btf, 'bits'), [{ name: 'low', offsetBits: 0 }, { name: 'high', offsetBits: 3 }, { name: 'whole', offsetBits: 32, sizeBytes: 4 }]);
    t.equal(structSize(btf, 'plain'), 24);
    t.equal(structSize(btf, 'missing'), undefined);
    t.equal(structMembers(btf, 'missing'), undefined);
    t.end();
  });
}

t.test('a kernel without BPF has no helpers, which is not the same as unreadable', (t) => {
  t.equal(btfHelpers(parseBtf(btfImage([]))), undefined);
  t.end();
});

t.test('an enum that is only declared does not hide its definition', (t) => {
  const btf = parseBtf(btfImage([{ kind: 'enum', name: 'e', values: [] }, { kind: 'enum', name: 'e', values: [['A', 1]] }]));
  t.equal(enumHas(btf, 'e', 'A'), true);
  t.end();
});

t.test('bytes in the middle of a larger buffer', (t) => {
  const image = btfImage(SPECS);
  const around = new Uint8Array(image.length + 14).fill(0xff);
  around.set(image, 7);
  t.equal(btfHelpers(parseBtf(around.subarray(7, 7 + image.length)))?.get('b'), 7);
  t.end();
});

function patched(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = btfImage(SPECS);
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

t.test('each break of the format has its own words', (t) => {
  const FIRST_TYPE = 24;
  const cases: [string, Uint8Array, string, RegExp][] = [
    ['nothing', new Uint8Array(), 'empty', /no bytes/],
    ['half a header', btfImage([]).subarray(0, 12), 'truncated', /header/],
    ['another magic', patched((v) => v.setUint16(0, 0x4242)), 'garbage', /magic/],
    ['version 2', patched((v) => v.setUint8(2, 2)), 'unsupported', /version 2/],
    ['short header length', patched((v) => v.setUint32(4, 8, true)), 'garbage', /header 8 bytes/],
    ['types beyond the end', patched((v) => v.setUint32(12, 0xffffff00, true)), 'truncated', /type section/],
    ['strings beyond the end', patched((v) => v.setUint32(20, 0x7fffffff, true)), 'truncated', /string section/],
    ['overlap', patched((v) => v.setUint32(16, 0, true)), 'garbage', /overlap|NUL/],
    ['odd type offset', patched((v) => v.setUint32(8, 2, true)), 'garbage', /4 does not divide/],
    ['strings without a last NUL', patched((_, b) => { b[b.length - 1] = 65; }), 'garbage', /NUL/],
    ['an unknown kind', patched((v) => v.setUint32(FIRST_TYPE + 4, 31 << 24, true)), 'unsupported', /kind 31/],
    ['kind 0', patched((v) => v.setUint32(FIRST_TYPE + 4, 0, true)), 'unsupported', /kind 0/],
    ['a name outside', patched((v) => v.setUint32(FIRST_TYPE, 0xffff, true)), 'garbage', /outside of the strings/],
    ['a type outside', patched((v) => v.setUint32(FIRST_TYPE + 16 + 12, 999, true)), 'garbage', /refers to type 999/],
    ['a pointer to nowhere', patched((v) => v.setUint32(FIRST_TYPE + 16 + 24 + 8, 998, true)), 'garbage', /refers to type 998/],
    ['too many entries', patched((v) => v.setUint32(FIRST_TYPE + 16 + 24 + 4, (4 << 24) | 0xffff, true)), 'truncated', /beyond the type section/],
  ];
  for (const [name, bytes, problem, message] of cases) t.throws(() => parseBtf(bytes), { name: 'ProbeError', problem, message }, name);
  t.throws(() => parseBtf(new Uint8Array(65 * 1024 * 1024)), { name: 'ProbeError', problem: 'too-large' });
  t.end();
});

/** Everything that can be asked; none of it may throw on BTF that was accepted. */
function askEverything(btf: Btf): void {
  btfHelpers(btf);
  for (const name of ['', 'int', 'plain', 'bits', 'negative', 'wide', 'function_here']) {
    enumValues(btf, name);
    hasFunction(btf, name);
    structMembers(btf, name);
    structSize(btf, name);
  }
}

t.test('whatever byte is changed or missing: a ProbeError or an answer', (t) => {
  const image = btfImage(SPECS);
  const outcome = (bytes: Uint8Array): unknown => {
    try {
      askEverything(parseBtf(bytes));
      return 'answer';
    } catch (error) {
      return error instanceof ProbeError ? 'ProbeError' : error;
    }
  };
  // One assertion each, not one a byte: thousands of them cost half a minute.
  const cut = Array.from({ length: image.length }, (_, length) => outcome(image.slice(0, length)));
  t.same([...new Set(cut)], ['ProbeError'], 'cut anywhere');
  const changed = [0, 1, 2, 3, 4, 5, 8, 13, 0x7f, 0x80, 0xff].flatMap((value) => Array.from(image, (_, at) => outcome(image.with(at, value))));
  t.same([...new Set(changed)].sort(), ['ProbeError', 'answer'], 'changed anywhere');
  t.end();
});

t.test('an array of itself has no size', (t) => {
  // The array is type 2; its element becomes itself.
  const btf = parseBtf(patched((v) => v.setUint32(24 + 16 + 12, 2, true)));
  t.equal(structMembers(btf, 'plain')?.[1]?.sizeBytes, undefined);
  t.end();
});
