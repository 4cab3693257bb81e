// SPDX-License-Identifier: Apache-2.0
import { BPF_BYTES_PER_JOB, buildJobs } from '../../build/jobs.js';
import { need } from '../../context.js';
import { KERNEL_BTF } from '../../gather/kernel.js';
import { refuseArchitecture, refuseWithoutBpf } from '../../kernelSupport.js';
import { architectureFact } from '../../probe/architecture.js';
import { NotCaptured } from '../blind.js';
import { factOrBlind } from '../blind.js';
import { type Group, ok, warning } from '../check.js';

const MIB = 2 ** 20;

/** What detect-kernel finds. */
export const kernelChecks: Group = {
  title: 'kernel and node',
  questions: [
    {
      name: 'kernel release',
      codes: ['KM_RELEASE'],
      look: async ({ ctx }) => {
        const { release, distributionName } = need(ctx, 'kernel');
        return ok(`Linux ${release}, ${distributionName}`);
      },
    },
    {
      name: 'architecture',
      look: async ({ ctx }) => {
        const machine = ctx.sys.architecture;
        if (machine === 'unknown') throw new NotCaptured('this capture does not tell the architecture');
        refuseArchitecture(ctx, machine);
        const { answer, evidence } = architectureFact(machine);
        return answer === 'yes' ? ok(evidence) : warning(evidence, 'Nothing, if it works; report it if not.');
      },
    },
    {
      name: 'kernel configuration',
      look: async ({ ctx }) => {
        const { configSource, release } = need(ctx, 'kernel');
        if (configSource !== undefined) return ok(configSource);
        return warning('no kernel configuration was found: what the kernel does not show by itself is unknown', `Make /boot/config-${release} readable, or boot a kernel with CONFIG_IKCONFIG_PROC=y.`);
      },
    },
    {
      name: 'eBPF in the kernel',
      look: async ({ ctx }) => {
        const facts = need(ctx, 'kernel');
        refuseWithoutBpf(ctx, facts);
        return ok(`${facts.bpfSyscall.evidence}; ${facts.cgroupBpf.evidence}`);
      },
    },
    {
      name: 'BTF',
      look: async ({ ctx, denied }) => {
        const { btf } = need(ctx, 'kernel');
        const seen = factOrBlind(btf, denied, [KERNEL_BTF]);
        if (btf.answer === 'yes' || seen.status !== 'ok') return seen;
        return warning(`${btf.evidence}; the header answers for the kernel, which may be another kernel's`, 'Boot a kernel with CONFIG_DEBUG_INFO_BTF=y.');
      },
    },
    {
      name: 'cgroups',
      look: async ({ ctx }) => {
        const { cgroupVersion, cgroupEvidence } = need(ctx, 'kernel');
        const evidence = `${cgroupVersion}: ${cgroupEvidence}`;
        if (cgroupVersion === 'v2' || cgroupVersion === 'hybrid') return ok(evidence);
        return warning(evidence, `Nothing, the agent mounts cgroup2 at ${ctx.options.cgroup2Path}; if that fails, boot with systemd.unified_cgroup_hierarchy=1.`);
      },
    },
    {
      name: 'memory limit',
      look: async ({ ctx }) => {
        const { memoryLimitBytes, cpuLimit } = need(ctx, 'kernel');
        const { memoryLimitFile } = need(ctx, 'kernelFiles');
        const jobs = buildJobs({ cpus: ctx.sys.cpus, cpuLimit, memoryLimitBytes }, BPF_BYTES_PER_JOB);
        if (memoryLimitBytes === undefined) return ok(`none; ${jobs} compiler jobs`);
        const limit = `${Math.round(memoryLimitBytes / MIB)} MiB`;
        if (memoryLimitBytes >= BPF_BYTES_PER_JOB) return ok(`${limit}; ${jobs} compiler jobs`);
        return warning(`${limit} at ${memoryLimitFile ?? 'an unknown file'}, and one compiler may need ${BPF_BYTES_PER_JOB / MIB} MiB: it may be killed (KM_BUILD_MEMORY)`, "Raise the container's memory limit (resources.limits.memory) to 400 MiB or more.");
      },
    },
  ],
};
