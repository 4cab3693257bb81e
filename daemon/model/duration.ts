// SPDX-License-Identifier: Apache-2.0
import type { Duration } from '../proto/google/protobuf/duration.js';

/** Whether a limit in time is one: Envoy takes zero for "none". */
export const isPositive = (duration: Duration | undefined): boolean => duration !== undefined && (duration.seconds > 0n || duration.nanos > 0);
