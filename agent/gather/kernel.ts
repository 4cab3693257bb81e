// SPDX-License-Identifier: Apache-2.0
import { parseMountinfo } from '../probe/mountinfo.js';
import type { OsRelease } from '../probe/osRelease.js';
import type { Mount } from '../probe/mountinfo.js';
import type { Sys } from '../sys.js';
import { readIfThere, type TextFile } from './files.js';
import { findHeaderTree, type HeaderTree } from './headerTree.js';
import { readKernelConfig } from './kernelConfig.js';
import { findLibbpfVersion } from './libbpf.js';
import { readOsReleases } from './osRelease.js';
import { type OwnLimits, readOwnLimits } from './ownCgroup.js';

/** Types of the running kernel, since 5.2 with CONFIG_DEBUG_INFO_BTF. */
export const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

export const MAX_BTF_BYTES = 64 << 20;
const MAX_MOUNTINFO_BYTES = 64 << 20;

/** Everything that can be read about the running kernel and the node, as it is. */
export interface NodeFiles {
  readonly hostOs: OsRelease | undefined;
  readonly ownOs: OsRelease | undefined;
  readonly config: TextFile | undefined;
  readonly btf: Uint8Array | undefined;
  readonly headerTree: HeaderTree;
  readonly libbpfVersion: string | undefined;
  readonly procModules: boolean;
  readonly procIfInet6: boolean;
  readonly mounts: readonly Mount[];
  readonly limits: OwnLimits;
}

export async function gatherNode(sys: Sys, release: string): Promise<NodeFiles> {
  const mounts = parseMountinfo(await sys.readText('/proc/self/mountinfo', MAX_MOUNTINFO_BYTES));
  const [os, config, btf, headerTree, libbpfVersion, modules, ifInet6, limits] = await Promise.all([
    readOsReleases(sys),
    readKernelConfig(sys, release),
    readIfThere(() => sys.readBytes(KERNEL_BTF, MAX_BTF_BYTES)),
    findHeaderTree(sys, release),
    findLibbpfVersion(sys),
    sys.stat('/proc/modules'),
    sys.stat('/proc/net/if_inet6'),
    readOwnLimits(sys, mounts),
  ]);
  return {
    hostOs: os.host,
    ownOs: os.own,
    config,
    btf,
    headerTree,
    libbpfVersion,
    procModules: modules !== undefined,
    procIfInet6: ifInet6 !== undefined,
    mounts,
    limits,
  };
}
