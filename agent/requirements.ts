// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from './context.js';
import type { Capability, CapabilityName } from './probe/capabilities.js';

/** All names, for `--require`; the type sees to it that none is missing. */
const NAMES: Record<CapabilityName, true> = {
  'l4-ipv4': true,
  'l4-ipv6': true,
  'l7-http': true,
  'pod-management': true,
  'loopback-disambiguation': true,
  'nat-acceleration': true,
  'uid-gid-filter': true,
};

export const CAPABILITY_NAMES: readonly string[] = Object.keys(NAMES);

/** @throws KM_REQUIRED_CAPABILITY naming each capability of `--require` that is off, and why */
export function checkRequirements(ctx: Context, capabilities: readonly Capability[]): void {
  const missing = capabilities.filter(({ name, state }) => ctx.options.require.includes(name) && state === 'off');
  if (missing.length === 0) return;
  const reasons = missing.map(({ name, reason, remedy }) => `${name} is off: ${reason}${remedy === undefined ? '' : ` (to turn it on: ${remedy})`}`);
  throw failure(ctx, 'KM_REQUIRED_CAPABILITY', `required by --require: ${reasons.join('. ')}`);
}
