// SPDX-License-Identifier: Apache-2.0
import { type Context, need } from '../context.js';
import type { Phase, Skip } from '../phase.js';

/** Compiles kmesh.ko, which routes HTTP; this build carries no sources of it. */
export const compileModule: Phase = notInThisBuild('compile-module', 'compile the kernel module kmesh.ko for HTTP routing');

/** Loads kmesh.ko. */
export const insertModule: Phase = notInThisBuild('insert-module', 'load the kernel module kmesh.ko');

function notInThisBuild(name: string, summary: string): Phase {
  return {
    name,
    summary,
    when: obstacles,
    plan: async (ctx) => [`would be skipped: ${obstacles(ctx).skip}`],
    run: () => Promise.reject(new Error(`${name} is skipped in this build`)),
  };
}

/** Everything in the way at once, so that nobody installs headers only to learn of the next obstacle. */
function obstacles(ctx: Context): Skip {
  const { moduleSupport } = need(ctx, 'kernel');
  const headers = need(ctx, 'kernelFiles').headerTree.fact;
  const reasons = ['this build has no sources of kmesh.ko'];
  if (moduleSupport.answer === 'no') reasons.push(`the kernel cannot load modules (${moduleSupport.evidence})`);
  else if (headers.answer === 'no') reasons.push(`no kernel headers (${headers.evidence})`);
  return { skip: reasons.join('; ') };
}
