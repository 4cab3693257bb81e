// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure, need } from '../context.js';
import { gatherNode, KERNEL_BTF, type NodeFiles } from '../gather/kernel.js';
import { refuseUnfitKernel } from '../kernelSupport.js';
import type { Phase } from '../phase.js';
import { type Btf, parseBtf } from '../probe/btf.js';
import { compilerRemedy, distributionOf, installRemedy } from '../probe/distributions.js';
import { type KernelFacts } from '../probe/facts.js';
import { parseKconfig } from '../probe/kconfig.js';
import { kernelFacts, type KernelSources } from '../probe/kernelFacts.js';
import { ProbeError } from '../probe/probeError.js';
import { parseRelease } from '../probe/release.js';

/** Reads what the running kernel and the node offer; refuses a kernel on which nothing could be steered. */
export const detectKernel: Phase = {
  name: 'detect-kernel',
  summary: 'read what the kernel, the distribution and the own cgroup offer',
  async run(ctx) {
    await detect(ctx);
    const facts = need(ctx, 'kernel');
    for (const line of describe(facts)) ctx.log.info(line);
    refuseUnfitKernel(ctx, facts);
  },
  async plan(ctx) {
    await detect(ctx);
    return describe(need(ctx, 'kernel'));
  },
};

async function detect(ctx: Context): Promise<void> {
  const { sys, results } = ctx;
  const release = sys.kernelRelease;
  if (parseRelease(release) === undefined) throw failure(ctx, 'KM_RELEASE', `"${release}" is no kernel release`);
  const node = await gatherNode(sys, release, ctx.options.kernelHeaders);
  const own = distributionOf(node.ownOs);
  const host = distributionOf(node.hostOs);
  results.hints = {
    clang: installRemedy(own, 'clang', release),
    make: installRemedy(own, 'make', release),
    uapiHeaders: installRemedy(host, 'uapiHeaders', release),
    kernelHeaders: installRemedy(host, 'kernelHeaders', release),
    gcc: compilerRemedy(own, node.headerTree.compiler, release),
    kmod: installRemedy(own, 'kmod', release),
  };
  results.btf = node.btf === undefined ? undefined : readBtf(ctx, node.btf);
  results.kernel = kernelFacts({
    release,
    architecture: sys.architecture,
    osRelease: node.hostOs,
    config: configOf(node),
    btf: results.btf === undefined ? undefined : { path: KERNEL_BTF, btf: results.btf },
    uioHeader: node.headerTree.uioHeader,
    // That the running kernel's files are hidden must not read as a no of the other one.
    ...(ctx.options.kernelRelease === undefined ? { procModules: node.procModules, moduleRules: node.moduleRules, procIfInet6: node.procIfInet6 } : {}),
    mounts: node.mounts,
    memoryLimitBytes: node.limits.memoryLimitBytes,
    cpuLimit: node.limits.cpuLimit,
  });
  results.kernelFiles = {
    configText: node.config?.text,
    headerTree: node.headerTree,
    libbpfVersion: node.libbpfVersion,
    memoryEventFiles: node.limits.memoryEventFiles,
    memoryLimitFile: node.limits.memoryLimitFile,
  };
}

/** The kernel's own, else that of its header tree, which a container has where it does not see the host's /boot. */
function configOf({ config, headerTree }: NodeFiles): KernelSources['config'] {
  if (config !== undefined) return { path: config.path, options: parseKconfig(config.text) };
  if (headerTree.folder === undefined || headerTree.config === undefined) return undefined;
  return { path: path.join(headerTree.folder, 'include/config/auto.conf'), options: headerTree.config };
}

function readBtf(ctx: Context, bytes: Uint8Array): Btf | undefined {
  try {
    return parseBtf(bytes);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    ctx.log.warn(`${KERNEL_BTF} cannot be used: ${error.message}`);
    return undefined;
  }
}

function describe(facts: KernelFacts): readonly string[] {
  const memory = facts.memoryLimitBytes === undefined ? 'no memory limit' : `memory limit ${Math.round(facts.memoryLimitBytes / 2 ** 20)} MiB`;
  const cpu = facts.cpuLimit === undefined ? 'no CPU limit' : `CPU limit ${facts.cpuLimit}`;
  return [
    `Linux ${facts.release} on ${facts.architecture}, ${facts.distributionName}`,
    `configuration: ${facts.configSource ?? 'not found'}; modules: ${facts.moduleSupport.answer} (${facts.moduleSupport.evidence}); BTF: ${facts.btf.answer} (${facts.btf.evidence})`,
    `cgroups: ${facts.cgroupVersion} (${facts.cgroupEvidence}); ${memory}, ${cpu}`,
  ];
}
