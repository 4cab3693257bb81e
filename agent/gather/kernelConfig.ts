// SPDX-License-Identifier: Apache-2.0
import type { Sys } from '../sys.js';
import { readFirst, readIfThere, type TextFile } from './files.js';

/** The widest configurations of distributions have 300 KiB. */
const MAX_BYTES = 4 << 20;

/**
 * The configuration of the running kernel: from the kernel itself (CONFIG_IKCONFIG_PROC), else from the places
 * where distributions put it, also those of the host in a container.
 */
export async function readKernelConfig(sys: Sys, release: string): Promise<TextFile | undefined> {
  const own = await readIfThere(() => sys.readGzip('/proc/config.gz', MAX_BYTES));
  if (own !== undefined) return { path: '/proc/config.gz', text: own };
  const places = ['', '/host'].flatMap((root) => [`${root}/boot/config-${release}`, `${root}/lib/modules/${release}/config`, `${root}/usr/lib/modules/${release}/config`]);
  return readFirst(sys, places, MAX_BYTES);
}

/** A configuration that the user named, plain or gzip. */
export async function readNamedConfig(sys: Sys, path: string): Promise<TextFile> {
  const bytes = await sys.readBytes(path, MAX_BYTES);
  const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return { path, text: gzip ? await sys.readGzip(path, MAX_BYTES) : await sys.readText(path, MAX_BYTES) };
}
