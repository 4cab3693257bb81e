// SPDX-License-Identifier: Apache-2.0
import type { Target } from '../model/types.js';

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export const at = (e: { readonly address: string; readonly port: number }): string => (e.address.includes(':') ? `[${e.address}]:${e.port}` : `${e.address}:${e.port}`);

/** `to a`, `to 80 x a, 20 x b`, `refuse (blackhole)`. */
export function targetText(target: Target): string {
  if (target.kind === 'cluster') return `to ${target.cluster}`;
  if (target.kind === 'split') return `to ${target.clusters.map(({ cluster, weight }) => `${weight} x ${cluster}`).join(', ')}`;
  return `${target.kind} (${target.reason})`;
}
