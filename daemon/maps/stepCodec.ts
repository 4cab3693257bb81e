// SPDX-License-Identifier: Apache-2.0
import type { StepRecord } from '../diff/operations.js';
import { nameOf, type Codec } from './codec.js';
import { fnv1a } from './fnv.js';
import { ENUMS, STEP_AT_LEAST, STEP_DATA, STEP_FROM_END, STEP_IGNORE_CASE, STRUCTS } from './layout.js';

const STEP = STRUCTS.km_step.fields;

/** Why a program ends without a route: two of enum km_l7_event. */
const DEFAULT_WHY = { no_route: ENUMS.km_l7_event.no_route, undecidable: ENUMS.km_l7_event.undecidable } as const;

export const step: Codec<StepRecord> = {
  size: STRUCTS.km_step.size,
  write(value, to, at) {
    to.writeUInt8(ENUMS.km_step_op[value.op], at + STEP.op);
    if ('then' in value) {
      to.writeUInt32LE(value.then, at + STEP.then);
      to.writeUInt32LE(value.otherwise, at + STEP.otherwise);
    }
    writeOperands(value, to, at);
  },
  read(from, at) {
    const op = nameOf('enum km_step_op', ENUMS.km_step_op, from.readUInt8(at + STEP.op));
    const jumps = { then: from.readUInt32LE(at + STEP.then), otherwise: from.readUInt32LE(at + STEP.otherwise) };
    return readOperands(op, jumps, from, at);
  },
};

function writeOperands(value: StepRecord, to: Buffer, at: number): void {
  switch (value.op) {
    case 'field':
      to.writeUInt32LE(ENUMS.km_field[value.field], at + STEP.value);
      break;
    case 'header':
    case 'param':
      to.writeBigUInt64LE(fnv1a(writeData(Buffer.from(value.name), to, at)), at + STEP.hash);
      break;
    case 'empty':
      break;
    case 'compare':
      to.writeUInt8((value.ignoreCase ? STEP_IGNORE_CASE : 0) | (value.fromEnd ? STEP_FROM_END : 0), at + STEP.flags);
      to.writeUInt32LE(value.offset, at + STEP.value);
      writeData(value.bytes, to, at);
      break;
    case 'length':
      to.writeUInt8(value.is === 'at_least' ? STEP_AT_LEAST : 0, at + STEP.flags);
      to.writeUInt32LE(value.bytes, at + STEP.value);
      break;
    case 'contains':
      to.writeUInt8(value.ignoreCase ? STEP_IGNORE_CASE : 0, at + STEP.flags);
      writeData(value.bytes, to, at);
      break;
    case 'range':
      to.writeBigInt64LE(value.start, at + STEP.start);
      to.writeBigInt64LE(value.end, at + STEP.end);
      break;
    case 'automaton':
      to.writeUInt32LE(value.automaton, at + STEP.value);
      break;
    case 'target':
      to.writeUInt8(ENUMS.km_target_kind[value.kind], at + STEP.kind);
      to.writeUInt8(value.reason, at + STEP.reason);
      to.writeUInt32LE(value.target, at + STEP.target);
      to.writeUInt32LE(value.n, at + STEP.n);
      break;
    case 'default':
      to.writeUInt32LE(DEFAULT_WHY[value.why], at + STEP.value);
      break;
  }
}

function writeData(bytes: Buffer, to: Buffer, at: number): Buffer {
  if (bytes.length > STEP_DATA) throw new RangeError(`a step takes ${STEP_DATA} bytes, not ${bytes.length}: "${bytes.toString()}"`);
  to.writeUInt32LE(bytes.length, at + STEP.len);
  bytes.copy(to, at + STEP.data);
  return bytes;
}

type Jumps = { readonly then: number; readonly otherwise: number };

function readOperands(op: StepRecord['op'], { then, otherwise }: Jumps, from: Buffer, at: number): StepRecord {
  const flags = from.readUInt8(at + STEP.flags);
  const value = from.readUInt32LE(at + STEP.value);
  const ignoreCase = (flags & STEP_IGNORE_CASE) !== 0;
  switch (op) {
    case 'field':
      return { op, then, otherwise, field: nameOf('enum km_field', ENUMS.km_field, value) };
    case 'header':
    case 'param':
      return { op, then, otherwise, name: readData(from, at).toString() };
    case 'empty':
      return { op, then, otherwise };
    case 'compare':
      return { op, then, otherwise, bytes: readData(from, at), offset: value, fromEnd: (flags & STEP_FROM_END) !== 0, ignoreCase };
    case 'length':
      return { op, then, otherwise, is: (flags & STEP_AT_LEAST) !== 0 ? 'at_least' : 'exactly', bytes: value };
    case 'contains':
      return { op, then, otherwise, bytes: readData(from, at), ignoreCase };
    case 'range':
      return { op, then, otherwise, start: from.readBigInt64LE(at + STEP.start), end: from.readBigInt64LE(at + STEP.end) };
    case 'automaton':
      return { op, then, otherwise, automaton: value };
    case 'target': {
      const kind = nameOf('enum km_target_kind', ENUMS.km_target_kind, from.readUInt8(at + STEP.kind));
      return { op, kind, target: from.readUInt32LE(at + STEP.target), n: from.readUInt32LE(at + STEP.n), reason: from.readUInt8(at + STEP.reason) };
    }
    case 'default':
      return { op, why: nameOf('end of a program', DEFAULT_WHY, value) };
  }
}

/** A copy: the buffer of a batch is used again. */
function readData(from: Buffer, at: number): Buffer {
  const length = Math.min(from.readUInt32LE(at + STEP.len), STEP_DATA);
  return Buffer.from(from.subarray(at + STEP.data, at + STEP.data + length));
}
