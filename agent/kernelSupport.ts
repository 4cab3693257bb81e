// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from './context.js';
import { architectureFact } from './probe/architecture.js';
import type { KernelFacts } from './probe/facts.js';

/** @throws KM_ARCHITECTURE, KM_BPF_UNSUPPORTED for a machine on which nothing could be steered */
export function refuseUnfitKernel(ctx: Context, facts: KernelFacts): void {
  refuseArchitecture(ctx, facts.architecture);
  refuseWithoutBpf(ctx, facts);
}

/** @throws KM_ARCHITECTURE */
export function refuseArchitecture(ctx: Context, machine: string): void {
  const fact = architectureFact(machine);
  if (fact.answer === 'no') throw failure(ctx, 'KM_ARCHITECTURE', fact.evidence);
}

/** @throws KM_BPF_UNSUPPORTED */
export function refuseWithoutBpf(ctx: Context, facts: KernelFacts): void {
  const missing = [facts.bpfSyscall, facts.cgroupBpf].filter((fact) => fact.answer === 'no');
  if (missing.length > 0) throw failure(ctx, 'KM_BPF_UNSUPPORTED', missing.map((fact) => fact.evidence).join('; '));
}
