// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { call, callForPointer, tryCall, type Pointer } from './libbpf.js';
import { linkPath, makeLinksFolder, nextLinkName, REQUEST_LINK } from './pins.js';

/** Program of kmesh.bpf.c that kmesh.ko shows requests to. */
const PROGRAM = 'km_request_publish';

/** Whether a program of ours, of this process or an earlier one, is shown requests. While it is, the module cannot be removed. */
export function isRequestLinked(pinRoot: string): boolean {
  return fs.existsSync(linkPath(pinRoot, REQUEST_LINK)) || fs.existsSync(linkPath(pinRoot, nextLinkName(REQUEST_LINK)));
}

/**
 * Shows requests to the program of `object` too, beside the one of an earlier process: both write the same. A link to
 * a raw tracepoint cannot be updated in place (kernel/bpf/syscall.c, bpf_raw_tp_link_lops).
 *
 * @returns gives up the earlier one.
 * @throws LibbpfError, ENOENT when the module is gone.
 */
export function linkRequests(object: Pointer, pinRoot: string, tracepoint: string): () => void {
  makeLinksFolder(pinRoot);
  const pin = linkPath(pinRoot, REQUEST_LINK);
  const next = linkPath(pinRoot, nextLinkName(REQUEST_LINK));
  // A process that was killed between the two steps: its second step.
  if (fs.existsSync(next)) fs.renameSync(next, pin);
  const link = callForPointer('bpf_program__attach_raw_tracepoint', callForPointer('bpf_object__find_program_by_name', object, PROGRAM), tracepoint);
  try {
    call('bpf_link__pin', link, next);
  } finally {
    tryCall('bpf_link__destroy', link);
  }
  return () => fs.renameSync(next, pin);
}

/** Sockets that wait for their request go by the default decision from then on. */
export function unlinkRequests(pinRoot: string): void {
  for (const name of [REQUEST_LINK, nextLinkName(REQUEST_LINK)]) fs.rmSync(linkPath(pinRoot, name), { force: true });
}
