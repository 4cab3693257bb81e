// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import type { Context } from '../context.js';

/**
 * The link to the module's tracepoint, which the daemon pins; pinned, it holds the module. The second name is that of a
 * link that was about to take its place when a daemon was killed. Contract with the daemon.
 */
export const requestPins = ({ options }: Context): readonly string[] => ['request', 'request_next'].map((name) => path.join(options.bpfFsPath, 'bpf_kmesh/links', name));
