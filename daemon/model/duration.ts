// SPDX-License-Identifier: Apache-2.0
import type { Duration } from '../proto/google/protobuf/duration.js';

/** Whether a limit in time is one: Envoy takes zero for "none". */
export const isPositive = (duration: Duration | undefined): boolean => duration !== undefined && (duration.seconds > 0n || duration.nanos > 0);

/** undefined: none is set, or one that is no time at all. */
export const milliseconds = (duration: Duration | undefined): number | undefined => (duration && isPositive(duration) ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : undefined);
