// SPDX-License-Identifier: Apache-2.0
// Imported first. After a start the agent only waits, for months and on every node: what V8 would reserve for speed is better left
// to the node. The young generation keeps its first size instead of growing with the garbage of the start, and code is optimised only
// where it is small. `npm run bench -- bringup` shows that a start takes no longer.
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--optimize-for-size');
