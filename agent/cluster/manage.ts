// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import type { Manage } from '../options.js';
import { isInCluster } from './api.js';

/**
 * Whose connections are steered, and why: of the pods that labels take into the mesh where this is a pod of a cluster, of every process
 * where the node is brought up by hand. Whether the API server answers at this moment decides nothing: a start must not change with it.
 */
export async function managed(ctx: Context): Promise<{ readonly manage: Manage; readonly why: string }> {
  const { manage } = ctx.options;
  if (manage !== undefined) return { manage, why: `--manage ${manage}` };
  return (await isInCluster(ctx)) ? { manage: 'labelled', why: 'a pod of a cluster' } : { manage: 'all', why: 'no pod of a cluster' };
}
