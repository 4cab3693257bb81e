// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';
import { DataplaneError, LibbpfError } from './errors.js';
import { errnoName } from './errno.js';
import { captureLog, takeLog } from './libbpfLog.js';

/** Address of a libbpf object; never 0. */
export type Pointer = bigint & { readonly __libbpf: unique symbol };

/**
 * The functions of libbpf 1.x that the daemon calls, as bpf/libbpf.h and bpf/bpf.h declare them.
 */
const DECLARATIONS = {
  bpf_object__open_file: 'void *bpf_object__open_file(const char *path, const void *opts)',
  bpf_object__load: 'int bpf_object__load(void *object)',
  bpf_object__close: 'void bpf_object__close(void *object)',
  bpf_object__next_map: 'void *bpf_object__next_map(void *object, void *map)',
  bpf_object__find_program_by_name: 'void *bpf_object__find_program_by_name(void *object, const char *name)',
  bpf_object__find_map_by_name: 'void *bpf_object__find_map_by_name(void *object, const char *name)',
  bpf_map__name: 'const char *bpf_map__name(void *map)',
  bpf_map__type: 'int bpf_map__type(void *map)',
  bpf_map__key_size: 'uint32_t bpf_map__key_size(void *map)',
  bpf_map__value_size: 'uint32_t bpf_map__value_size(void *map)',
  bpf_map__max_entries: 'uint32_t bpf_map__max_entries(void *map)',
  bpf_map__set_max_entries: 'int bpf_map__set_max_entries(void *map, uint32_t max)',
  bpf_map__map_flags: 'uint32_t bpf_map__map_flags(void *map)',
  bpf_map__set_initial_value: 'int bpf_map__set_initial_value(void *map, const void *data, size_t size)',
  bpf_map__reuse_fd: 'int bpf_map__reuse_fd(void *map, int fd)',
  bpf_map__fd: 'int bpf_map__fd(void *map)',
  bpf_map__pin: 'int bpf_map__pin(void *map, const char *path)',
  bpf_program__expected_attach_type: 'int bpf_program__expected_attach_type(void *program)',
  bpf_program__attach_cgroup: 'void *bpf_program__attach_cgroup(void *program, int cgroup)',
  bpf_program__attach_raw_tracepoint: 'void *bpf_program__attach_raw_tracepoint(void *program, const char *name)',
  bpf_link__open: 'void *bpf_link__open(const char *path)',
  bpf_link__fd: 'int bpf_link__fd(void *link)',
  bpf_link__pin: 'int bpf_link__pin(void *link, const char *path)',
  bpf_link__update_program: 'int bpf_link__update_program(void *link, void *program)',
  bpf_link__destroy: 'int bpf_link__destroy(void *link)',
  bpf_obj_get: 'int bpf_obj_get(const char *path)',
  bpf_obj_get_info_by_fd: 'int bpf_obj_get_info_by_fd(int fd, void *info, void *length)',
  bpf_map_lookup_elem: 'int bpf_map_lookup_elem(int fd, const void *key, void *value)',
  bpf_map_update_elem: 'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
  bpf_map_delete_elem: 'int bpf_map_delete_elem(int fd, const void *key)',
  bpf_map_get_next_key: 'int bpf_map_get_next_key(int fd, const void *key, void *next)',
  bpf_map_update_batch: 'int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, const void *opts)',
  bpf_map_lookup_batch: 'int bpf_map_lookup_batch(int fd, void *from, void *to, void *keys, void *values, void *count, const void *opts)',
  libbpf_num_possible_cpus: 'int libbpf_num_possible_cpus(void)',
} as const;

type Name = keyof typeof DECLARATIONS;
type Argument = Pointer | Buffer | string | number | null;
type Library = Readonly<Record<Name, (...args: readonly Argument[]) => unknown>>;

const SONAME = 'libbpf.so.1';

let library: Library | undefined;

function load(): Library {
  try {
    const handle = koffi.load(SONAME);
    captureLog(handle);
    return Object.fromEntries(Object.entries(DECLARATIONS).map(([name, declaration]) => [name, handle.func(declaration)])) as unknown as Library;
  } catch (error) {
    throw new DataplaneError('KM_BPF_LIBRARY', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function invoke(name: Name, args: readonly Argument[]): unknown {
  library ??= load();
  return library[name](...args);
}

/**
 * A call that returns a number, negative errno on failure: the result as it is, for callers to whom some
 * failures are answers. Buffers are read and written over their whole length by the kernel: their sizes are
 * the caller's promise.
 */
export function tryCall(name: Name, ...args: readonly Argument[]): number {
  return invoke(name, args) as number;
}

/** @throws LibbpfError when the call returns negative errno. */
export function call(name: Name, ...args: readonly Argument[]): number {
  takeLog();
  const result = tryCall(name, ...args);
  if (result < 0) throw new LibbpfError(name, errnoName(-result), takeLog());
  return result;
}

/** A call that returns a pointer, undefined for NULL. */
export function tryCallForPointer(name: Name, ...args: readonly Argument[]): Pointer | undefined {
  return (invoke(name, args) as Pointer | null) ?? undefined;
}

/** @throws LibbpfError when the call returns NULL. */
export function callForPointer(name: Name, ...args: readonly Argument[]): Pointer {
  takeLog();
  const result = tryCallForPointer(name, ...args);
  if (result === undefined) throw new LibbpfError(name, errnoName(koffi.errno()), takeLog());
  return result;
}

/** A call that returns a string of libbpf's own. */
export function callForString(name: Name, ...args: readonly Argument[]): string {
  return invoke(name, args) as string;
}

/** A call that returns nothing. */
export function callForEffect(name: Name, ...args: readonly Argument[]): void {
  invoke(name, args);
}
