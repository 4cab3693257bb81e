// SPDX-License-Identifier: Apache-2.0
// The tool by which tests of bpf/ get records: its addresses hold at the place that it is told.
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { buildProgram } from './build.js';

const program = buildProgram({ sources: ['buildRequest.c'] });
/** struct km_request, bpf/include/kmesh/request.h. */
const RECORD = 24 + 4 * 4 + 5 * 8 + 2 * 4 + 4 * 248;
const PAIR = 24;
const BASE = 0xffff_c900_0000_1000n;

function buildRequest(head: string, base = String(BASE)): { readonly status: number | null; readonly record: Buffer; readonly room: Buffer } {
  const { status, stdout } = spawnSync(program, [base], { input: Buffer.from(head, 'latin1') });
  return { status, record: stdout.subarray(0, RECORD), room: stdout.subarray(RECORD) };
}

/** A place in the room, of an address in the record. */
const place = (record: Buffer, at: number): number => Number(record.readBigUInt64LE(at) - BASE);

t.test('a head that is complete', async (t) => {
  const { status, record, room } = buildRequest('GET /a?b=c HTTP/1.1\r\nHost: Reviews\r\nEnd-User: jason\r\n\r\nbody');
  t.equal(status, 0);
  t.same([24, 28, 32, 36].map((at) => record.readUInt32LE(at)), [1, 1, 2, 1], 'abi, verdict COMPLETE, headers, parameters');

  const text = room.subarray(place(record, 0));
  const part = (from: Buffer, at: number): string => text.toString('latin1', from.readUInt32LE(at), from.readUInt32LE(at) + from.readUInt32LE(at + 4));
  t.same([40, 48, 56, 64, 72].map((at) => part(record, at)), ['GET', '/a', '/a?b=c', 'Reviews', 'http']);
  const pairs = (at: number, n: number): string[][] =>
    Array.from({ length: n }, (_, i) => room.subarray(place(record, at) + i * PAIR)).map((pair) => [part(pair, 8), part(pair, 16)]);
  t.same(Object.fromEntries(pairs(8, 2)), { host: 'Reviews', 'end-user': 'jason' });
  t.same(pairs(16, 1), [['b', 'c']]);
  t.equal(record.toString('latin1', 88, 96), 'reviews\0');
});

t.test('what is no complete head has a verdict and nothing else', async (t) => {
  for (const [head, verdict] of [['SSH-2.0-x\r\n', 4], ['GET / HTTP/1.1\r\nHost: a\n', 5], ['GET / HTTP/1.1\r\nHo', 9], ['', 9]] as const) {
    const { status, record, room } = buildRequest(head);
    t.same([status, record.length, room.length, record.readUInt32LE(28)], [0, RECORD, 0, verdict], JSON.stringify(head));
    t.notOk(record.subarray(32).some(Boolean));
  }
});

t.test('an address that pairs cannot lie at is refused', async (t) => {
  for (const base of ['4097', '-', '']) t.equal(buildRequest('GET / HTTP/1.0\r\n\r\n', base).status, 2, base);
});
