// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { call, callForPointer, tryCall, type Pointer } from './libbpf.js';
import { linkPath, makeLinksFolder, nextLinkName, REQUEST_LINK, requestLinks } from './pins.js';

/** Program of kmesh.bpf.c that kmesh.ko shows requests to. */
const PROGRAM = 'km_request_publish';

/** Whether a program of ours, of this process or an earlier one, is shown requests. While it is, the module cannot be removed. */
export const isRequestLinked = (pinRoot: string): boolean => requestLinks(pinRoot).length > 0;

/**
 * Shows requests to the program of `object` too, beside those of earlier processes: of each it is not known whether connect
 * hooks are in force that read what it writes, since a process may have been killed before or after it replaced them. A link to a raw
 * tracepoint cannot be updated in place (kernel/bpf/syscall.c, bpf_raw_tp_link_lops).
 *
 * @returns gives up the earlier ones.
 * @throws LibbpfError, ENOENT when the module is gone.
 */
export function linkRequests(object: Pointer, pinRoot: string, tracepoint: string): () => void {
  makeLinksFolder(pinRoot);
  const earlier = requestLinks(pinRoot);
  const next = freeName(earlier);
  const link = callForPointer('bpf_program__attach_raw_tracepoint', callForPointer('bpf_object__find_program_by_name', object, PROGRAM), tracepoint);
  try {
    call('bpf_link__pin', link, linkPath(pinRoot, next));
  } finally {
    tryCall('bpf_link__destroy', link);
  }
  return () => {
    fs.renameSync(linkPath(pinRoot, next), linkPath(pinRoot, REQUEST_LINK));
    for (const name of earlier) if (name !== REQUEST_LINK) fs.rmSync(linkPath(pinRoot, name), { force: true });
  };
}

/** Links of processes that were killed on their way keep their names. */
function freeName(taken: readonly string[]): string {
  let name = nextLinkName(REQUEST_LINK);
  for (let n = 2; taken.includes(name); n += 1) name = `${nextLinkName(REQUEST_LINK)}${n}`;
  return name;
}

/** Sockets that wait for their request go by the default decision from then on. */
export function unlinkRequests(pinRoot: string): void {
  for (const name of requestLinks(pinRoot)) fs.rmSync(linkPath(pinRoot, name), { force: true });
}
