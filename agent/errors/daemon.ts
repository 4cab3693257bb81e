// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** Of the status port, and of kmesh-daemon. */
export const DAEMON = {
  KM_STATUS_PORT: {
    class: 'status',
    cause: 'The port for probes and status, or the one for metrics, cannot be served.',
    remedy: 'End what serves it (`ss -ltnp`), or choose other ports and addresses with --status-port, --metrics-port and --status-address.',
  },
  KM_DAEMON_MISSING: {
    class: 'not found',
    cause: 'The program kmesh-daemon is not in the install folder.',
    remedy: 'Install the agent anew; daemon.js belongs beside agent.js.',
  },
  KM_DAEMON_START: {
    class: 'not executable',
    cause: 'kmesh-daemon could not be started.',
    remedy: 'Check the limits on processes and memory of the container.',
  },
  KM_DAEMON_PORT: {
    class: 'daemon',
    cause: "Something answers on the port of kmesh-daemon's admin interface already.",
    remedy: 'Stop it (another agent on this node?), or choose another port with --admin-port.',
  },
  KM_DAEMON_EXITED: {
    class: 'daemon',
    cause: 'kmesh-daemon ended and is not started again.',
    remedy: "Read the daemon's own last lines in the log above.",
  },
  KM_DAEMON_HUNG: {
    class: 'daemon',
    cause: 'kmesh-daemon ran, but did not answer for --hang-limit, or was not ready for --ready-limit though its control plane had told it everything.',
    remedy: 'Read its last lines in /status; on a machine that is this slow raise the limit that the message names.',
  },
  KM_DAEMON_CRASH_LOOP: {
    class: 'daemon',
    cause: 'kmesh-daemon failed as often in a row as --crash-loop says. It is started again and again; the node counts as not ready, and programs that are in the kernel go on steering.',
    remedy: 'Read its last lines in /status or in the log: its own codes are on this page.',
  },
  KM_DAEMON_CLEANUP: {
    class: 'daemon',
    cause: 'kmesh-daemon could not remove its pinned programs and maps.',
    remedy: 'Run `node agent.js cleanup` again; `bpftool net` and `bpftool link` show what is left.',
  },
} as const satisfies ErrorTable;
