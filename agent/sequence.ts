// SPDX-License-Identifier: Apache-2.0
import type { Phase } from './phase.js';
import { compileBpf } from './phases/compileBpf.js';
import { compileModule } from './phases/compileModule.js';
import { detectKernel } from './phases/detectKernel.js';
import { insertModule } from './phases/insertModule.js';
import { installCni } from './phases/installCni.js';
import { mountFilesystems } from './phases/mountFilesystems.js';
import { readHelpers } from './phases/readHelpers.js';
import { setMacros } from './phases/setMacros.js';
import { superviseDaemon } from './phases/superviseDaemon.js';

/** How a node comes up. The help text, the plan and the log lines are made from this list. */
export const SEQUENCE: readonly Phase[] = [
  detectKernel,
  readHelpers,
  setMacros,
  compileBpf,
  compileModule,
  insertModule,
  mountFilesystems,
  installCni,
  superviseDaemon,
];
