// SPDX-License-Identifier: Apache-2.0
import koffi, { type LibraryHandle } from 'koffi';

/** enum libbpf_print_level: 0 warnings (a verifier's log is one), 1 information, 2 debug. */
const LEVEL_DEBUG = 2;

/** Longest single message, which is the log of one rejected program. */
const MESSAGE_BYTES = 1 << 20;

/** What is kept of the messages of one call. The end matters: there the verifier says what it refused. */
const KEPT_CHARACTERS = 16_384;

let kept = '';

/**
 * Lets libbpf write its messages here instead of to stderr. A va_list is a pointer, or is passed by reference,
 * in the C calling conventions of x86-64 and arm64, so that it can go through to vsnprintf().
 */
export function captureLog(libbpf: LibraryHandle): void {
  const vsnprintf = koffi.load(null).func('int vsnprintf(void *buffer, size_t size, const char *format, void *arguments)');
  const message = Buffer.alloc(MESSAGE_BYTES);
  const print = koffi.proto('int libbpf_print_fn_t(int level, const char *format, void *arguments)');
  const write = (level: number, format: string, args: unknown): number => {
    if (level >= LEVEL_DEBUG) return 0;
    const length: number = vsnprintf(message, MESSAGE_BYTES, format, args);
    const text = message.toString('utf8', 0, Math.min(length, MESSAGE_BYTES - 1));
    kept = (kept + text).slice(-KEPT_CHARACTERS);
    return length;
  };
  libbpf.func('libbpf_set_print', 'void *', [koffi.pointer(print)])(koffi.register(write, koffi.pointer(print)));
}

/** The messages since the last call of this function. */
export function takeLog(): string {
  const text = kept.trimEnd();
  kept = '';
  return text;
}
