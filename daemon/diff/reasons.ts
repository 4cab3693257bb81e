// SPDX-License-Identifier: Apache-2.0
import type { PassReason, RefuseReason } from '../model/types.js';

/** Numbers of `enum km_reason` (bpf/include/kmesh/layout.h) that the daemon writes into maps. */
export const REASON_NUMBER: Readonly<Record<PassReason | RefuseReason, number>> = {
  original_dst: 11,
  passthrough: 12,
  no_endpoints: 20,
  all_unhealthy: 21,
  weights_zero: 23,
  blackhole: 24,
};
