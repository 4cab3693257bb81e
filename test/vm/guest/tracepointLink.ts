// SPDX-License-Identifier: Apache-2.0
/** A link to a raw tracepoint, as a tool that watches it holds one. */
import fs from 'node:fs';
import koffi from 'koffi';

/** include/uapi/linux/bpf.h. */
const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
/** r0 = 0; exit. */
const PROGRAM = Buffer.from('b7000000000000009500000000000000', 'hex');
const INSTRUCTION_BYTES = 8;

/** @returns what closes it. */
export function linkToTracepoint(name: string): () => void {
  const libbpf = koffi.load('libbpf.so.1');
  const load = libbpf.func('int bpf_prog_load(int type, const char *name, const char *license, const uint8_t *instructions, size_t count, void *options)');
  const open = libbpf.func('int bpf_raw_tracepoint_open(const char *name, int program)');
  const program = opened('bpf_prog_load', load(BPF_PROG_TYPE_RAW_TRACEPOINT, 'watcher', 'GPL', PROGRAM, PROGRAM.length / INSTRUCTION_BYTES, null) as number);
  const link = opened('bpf_raw_tracepoint_open', open(name, program) as number);
  fs.closeSync(program);
  return () => fs.closeSync(link);
}

function opened(what: string, fd: number): number {
  if (fd < 0) throw new Error(`${what}: errno ${-fd}`);
  return fd;
}
