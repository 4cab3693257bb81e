// SPDX-License-Identifier: Apache-2.0
import { checkKubeconfig } from '../cluster/access.js';
import type { Context } from '../context.js';
import type { Phase } from '../phase.js';
import { phasesUntil } from '../runner.js';

/** Prints what `run` would do on this machine and why. Changes nothing. @throws KM_KUBECONFIG_... */
export async function plan(ctx: Context, sequence: readonly Phase[], print: (text: string) => void): Promise<void> {
  await checkKubeconfig(ctx);
  const phases = phasesUntil(sequence, ctx.options.until);
  for (const [index, phase] of phases.entries()) {
    const lines = (await phase.plan(ctx)).flatMap((text) => text.split('\n'));
    print([`${index + 1}/${phases.length} ${phase.name}: ${phase.summary}`, ...lines.map((line) => `    ${line}`)].join('\n'));
  }
}
