// SPDX-License-Identifier: Apache-2.0
import { installRemedy } from './distributions.js';
import type { Fact } from './fact.js';
import type { KernelFacts } from './facts.js';
import type { HeaderCode } from './headerProblem.js';

/** One thing that keeps a capability off. */
export interface Obstacle {
  readonly reason: string;
  readonly remedy?: string;
}

/** What phases found out about HTTP routing. `unknown`: not tried, or not yet. */
export interface L7Situation {
  /** The sources of kmesh.ko are in the install folder. */
  readonly moduleSources: Fact;
  /** A header tree to build modules for this kernel is there. */
  readonly kernelHeaders: Fact;
  /** Code of what is wrong with the header trees that were seen. */
  readonly headersCode?: HeaderCode | undefined;
  /** --module names a file, or a bundle or an earlier build has one. */
  readonly moduleGiven: boolean;
  /** That file carries a signature. */
  readonly moduleSigned: boolean;
  /** The agent's own rights. */
  readonly mayLoadModules: Fact;
  /** kmesh.ko is in the kernel and takes connections over. */
  readonly module: Fact;
  /** What the daemon says: the programs that route requests are in force. */
  readonly requestPrograms: Fact;
  /** Why a phase did not bring the module in. */
  readonly failure?: Obstacle | undefined;
}

/** What no module and no rights would help against. */
export function kernelObstacles(facts: KernelFacts): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (facts.moduleSupport.answer === 'no') {
    obstacles.push({ reason: `the kernel cannot load modules: ${facts.moduleSupport.evidence}`, remedy: 'boot a kernel with CONFIG_MODULES=y' });
  }
  if (facts.kprobes.answer === 'no') {
    obstacles.push({
      reason: `kmesh.ko cannot take connections over without kprobes: ${facts.kprobes.evidence}`,
      remedy: 'boot a kernel with CONFIG_KPROBES=y; where it has them, arm them: echo 1 > /sys/kernel/debug/kprobes/enabled',
    });
  }
  if (facts.kernelReads.answer === 'no') {
    obstacles.push({ reason: `eBPF programs may not read request heads: ${facts.kernelReads.evidence}`, remedy: 'boot with lockdown=integrity or without lockdown' });
  }
  return obstacles;
}

/** What forbids to load the module that would be built or was given. */
export function loadObstacles(facts: KernelFacts, situation: L7Situation): Obstacle[] {
  if (facts.moduleSupport.answer === 'no') return [];
  const obstacles: Obstacle[] = [];
  if (facts.moduleLoading.answer === 'no') {
    obstacles.push({ reason: `modules can no longer be loaded: ${facts.moduleLoading.evidence}`, remedy: 'reboot, and start the agent before kernel.modules_disabled is set' });
  }
  if (situation.mayLoadModules.answer === 'no') {
    obstacles.push({ reason: situation.mayLoadModules.evidence, remedy: 'run the container privileged, or with CAP_SYS_MODULE' });
  }
  if (facts.unsignedModules.answer === 'no' && !situation.moduleSigned) {
    obstacles.push({
      reason: `the kernel only loads signed modules: ${facts.unsignedModules.evidence}`,
      remedy: 'have kmesh.ko signed with a key that the kernel trusts (--module-signing-key, --module-signing-cert; with secure boot, enrol the certificate by mokutil --import and reboot), give a signed one by --module, or turn off secure boot',
    });
  }
  return obstacles;
}

/** What is missing to build the module here. */
export function buildObstacles(facts: KernelFacts, situation: L7Situation): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (situation.moduleSources.answer === 'no') {
    obstacles.push({ reason: `this build has no sources of kmesh.ko: ${situation.moduleSources.evidence}`, remedy: 'install the agent anew; the folder kernel/ belongs beside agent.js' });
  }
  // Without module support headers would not help.
  if (facts.moduleSupport.answer !== 'no' && situation.kernelHeaders.answer === 'no') {
    const code = situation.headersCode === undefined ? '' : ` (${situation.headersCode})`;
    obstacles.push({ reason: `no kernel headers${code}: ${situation.kernelHeaders.evidence}`, remedy: installRemedy(facts.distribution, 'kernelHeaders', facts.release) });
  }
  return obstacles;
}

/**
 * Everything that keeps HTTP routing off, at once, so that nobody installs headers to learn of the next obstacle.
 * With the module in the kernel nothing counts but what happens to requests there.
 */
export function l7Obstacles(facts: KernelFacts, situation: L7Situation): Obstacle[] {
  const { module, requestPrograms, failure } = situation;
  const always = kernelObstacles(facts);
  const programs: Obstacle[] = requestPrograms.answer === 'no' ? [{ reason: requestPrograms.evidence }] : [];
  if (module.answer === 'yes') return [...always, ...programs];
  const building = situation.moduleGiven ? [] : buildObstacles(facts, situation);
  const found = [...always, ...loadObstacles(facts, situation), ...building, ...(failure === undefined ? [] : [failure])];
  return found.length > 0 || module.answer === 'unknown' ? found : [{ reason: module.evidence }];
}
