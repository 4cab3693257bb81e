// SPDX-License-Identifier: Apache-2.0
import { type OsRelease, parseOsRelease } from '../probe/osRelease.js';
import type { Sys } from '../sys.js';
import { readFirst } from './files.js';

const MAX_BYTES = 64 << 10;

/** The place of the contract (os-release(5)); /etc/os-release usually is a link to it. */
const HOST = ['/host/usr/lib/os-release'];
const OWN = ['/etc/os-release', '/usr/lib/os-release'];

/**
 * Which distribution this is. `host` decides about packages for the kernel, `own` about packages for the
 * toolchain, which in a container is the image's.
 */
export async function readOsReleases(sys: Sys): Promise<{ readonly host: OsRelease | undefined; readonly own: OsRelease | undefined }> {
  const [host, own] = await Promise.all([readFirst(sys, HOST, MAX_BYTES), readFirst(sys, OWN, MAX_BYTES)]);
  const parse = (file: typeof own): OsRelease | undefined => (file === undefined ? undefined : parseOsRelease(file.text));
  return { host: parse(host ?? own), own: parse(own) };
}
