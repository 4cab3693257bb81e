// SPDX-License-Identifier: Apache-2.0
import { parseMountinfo } from '../probe/mountinfo.js';
import type { OsRelease } from '../probe/osRelease.js';
import { MODULE_RULE_FILES, type ModuleRules } from '../probe/moduleRules.js';
import type { Mount } from '../probe/mountinfo.js';
import type { Sys } from '../sys.js';
import { readFirst, readIfThere, type TextFile } from './files.js';
import { findHeaderTree, type HeaderTree } from './headerTree.js';
import { readKernelConfig } from './kernelConfig.js';
import { findLibbpfVersion } from './libbpf.js';
import { readOsReleases } from './osRelease.js';
import { type OwnLimits, readOwnLimits } from './ownCgroup.js';

/** Types of the running kernel, since 5.2 with CONFIG_DEBUG_INFO_BTF. */
export const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

export const MAX_BTF_BYTES = 64 << 20;
const MAX_MOUNTINFO_BYTES = 64 << 20;
const MAX_RULE_BYTES = 4096;

/** Everything that can be read about the running kernel and the node, as it is. */
export interface NodeFiles {
  readonly hostOs: OsRelease | undefined;
  readonly ownOs: OsRelease | undefined;
  readonly config: TextFile | undefined;
  readonly btf: Uint8Array | undefined;
  readonly headerTree: HeaderTree;
  readonly libbpfVersion: string | undefined;
  readonly procModules: boolean;
  readonly moduleRules: ModuleRules;
  readonly procIfInet6: boolean;
  /** undefined: they were not readable. */
  readonly mounts: readonly Mount[] | undefined;
  readonly limits: OwnLimits;
}

/** @param kernelHeaders value of --kernel-headers */
export async function gatherNode(sys: Sys, release: string, kernelHeaders?: string): Promise<NodeFiles> {
  const table = await readFirst(sys, ['/proc/self/mountinfo'], MAX_MOUNTINFO_BYTES);
  const mounts = table === undefined ? undefined : parseMountinfo(table.text);
  const [os, config, btf, headerTree, libbpfVersion, modules, moduleRules, ifInet6, limits] = await Promise.all([
    readOsReleases(sys),
    readKernelConfig(sys, release),
    readIfThere(() => sys.readBytes(KERNEL_BTF, MAX_BTF_BYTES)),
    findHeaderTree(sys, release, kernelHeaders),
    findLibbpfVersion(sys),
    sys.stat('/proc/modules'),
    readModuleRules(sys),
    sys.stat('/proc/net/if_inet6'),
    readOwnLimits(sys, mounts ?? []),
  ]);
  return {
    hostOs: os.host,
    ownOs: os.own,
    config,
    btf,
    headerTree,
    libbpfVersion,
    procModules: modules !== undefined,
    moduleRules,
    procIfInet6: ifInet6 !== undefined,
    mounts,
    limits,
  };
}

async function readModuleRules(sys: Sys): Promise<ModuleRules> {
  const read = async (file: string): Promise<string | undefined> => (await readFirst(sys, [file], MAX_RULE_BYTES))?.text;
  const entries = Object.entries(MODULE_RULE_FILES).map(async ([rule, file]) => [rule, await read(file)] as const);
  return Object.fromEntries(await Promise.all(entries)) as ModuleRules;
}
