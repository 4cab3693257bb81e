// SPDX-License-Identifier: Apache-2.0
import type { Resources } from './model/resources.js';
import type { MeshModel } from './model/types.js';

/** What is in force. */
export interface Applied {
  /** undefined before the first configuration of this process was applied. */
  readonly model: MeshModel | undefined;
  /** What it was made of. */
  readonly resources: Resources | undefined;
  readonly appliedAt: Date | undefined;
  /** What is in the maps came from an earlier process, in whole or in part. */
  readonly stale: boolean;
  /** Why the newest configuration could not be written; what was written before goes on. */
  readonly error: Error | undefined;
  readonly operations: number;
  readonly durationMs: number;
}
