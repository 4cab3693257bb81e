// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';

/** The link to the module's tracepoint, which the daemon pins; pinned, it holds the module. Contract with the daemon. */
export const requestPin = ({ options }: Context): string => path.join(options.bpfFsPath, 'bpf_kmesh/links/request');
