// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** Of kmesh-cni in the node's chain. */
export const CNI = {
  KM_CNI_FOLDER: {
    class: 'cni',
    cause: "A folder of the node's CNI configurations or plugins cannot be read, or is not the one that the container runtime uses.",
    remedy: 'Name the folders that the container runtime uses with --cni-conf-dir and --cni-bin-dir; in a pod, map them.',
  },
  KM_CNI_CONFIG: {
    class: 'cni',
    cause: "The node's CNI configuration is of a form that kmesh-cni is not put into; it is left as it is.",
    remedy: 'Do what the message says is in the way; the agent looks again whenever the folder changes.',
  },
  KM_CNI_VERSION: {
    class: 'cni',
    cause: "The node's CNI configuration is of a version that kmesh-cni does not support: with it in the chain no pod would start.",
    remedy: 'Set cniVersion in it to one of 0.3.1, 0.4.0, 1.0.0, 1.1.0, if its other plugins support that.',
  },
  KM_CNI_WRITE: {
    class: 'cni',
    cause: 'A file in a folder of CNI configurations or plugins cannot be written or removed; what was there before is in force.',
    remedy: 'Make the folder writable and see that its disk has room; in a pod, map it without readOnly.',
  },
  KM_CNI_PLUGIN: {
    class: 'cni',
    cause: 'The program kmesh-cni cannot be installed.',
    remedy: "It belongs beside agent.js, as cni/kmesh-cni: the packages have it, `make -C cni` builds it. A program of that name which is not the agent's is never replaced: remove it first.",
  },
} as const satisfies ErrorTable;
