// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';

/** Body of the daemon's /pods/summary. */
const summary = z.union([
  z.object({
    manage: z.literal('labelled'),
    synced: z.boolean(),
    troubles: z.array(z.object({ concerns: z.string().max(100), code: z.string().max(100), reason: z.string().max(1000), remedy: z.string().max(2000) })).max(10),
    enrolled: z.number(),
    waiting: z.number(),
    outside: z.number(),
    pods: z.array(z.object({ pod: z.string().max(400), enrolled: z.boolean(), inMesh: z.boolean(), rule: z.string().max(40) })).max(10_000),
    more: z.number(),
  }),
  z.object({ manage: z.enum(['all', 'labelled']), off: z.string().max(3000) }),
]);

/** Which pods of the node are in the mesh, which are not, and by which rule. */
export type PodsStatus = z.infer<typeof summary>;

/** @returns undefined for what is no summary */
export function podsStatus(body: string): PodsStatus | undefined {
  try {
    return summary.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
}

/** The same in a sentence. */
export function podsLine(status: PodsStatus): string {
  if ('off' in status) return status.off;
  const { enrolled, waiting, outside, synced } = status;
  return `${enrolled} pods are in the mesh, ${waiting} wait for their start, ${outside} are outside${synced ? '' : '; the API server has not told all of them yet'}`;
}
