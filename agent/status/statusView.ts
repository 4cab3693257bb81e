// SPDX-License-Identifier: Apache-2.0
import type { KernelFacts } from '../probe/facts.js';
import type { Capability } from '../probe/capabilities.js';
import type { PodsStatus } from './pods.js';
import type { Board, DaemonView, ErrorView, PhaseView } from './board.js';

/** Whether the node steers connections now, and if not, why. */
export interface ReadyView {
  readonly ready: boolean;
  /** What is in force is the configuration of an earlier daemon; the control plane has not answered completely since. */
  readonly stale: boolean;
  /** The newest trouble; a node can be ready in spite of one. */
  readonly code?: string;
  readonly reason?: string;
}

/** What `/status` answers. */
export interface StatusView {
  readonly version: string;
  readonly node: { readonly name?: string; readonly release: string; readonly architecture: string; readonly distribution?: string };
  readonly uptimeSeconds: number;
  readonly started: boolean;
  readonly ready: ReadyView;
  readonly stopping?: string;
  readonly error?: ErrorView;
  readonly phases: readonly PhaseView[];
  readonly capabilities: readonly Capability[];
  readonly daemon: DaemonView;
  /** Missing while the daemon does not tell. */
  readonly pods?: PodsStatus;
}

/** What is known besides the board. */
export interface StatusInputs {
  readonly version: string;
  /** As Kubernetes names the node; undefined: by hand. */
  readonly nodeName: string | undefined;
  readonly release: string;
  readonly architecture: string;
  readonly kernel: KernelFacts | undefined;
  readonly uptimeMs: number;
  readonly ready: ReadyView;
}

export function statusView(board: Board, { version, nodeName, release, architecture, kernel, uptimeMs, ready }: StatusInputs): StatusView {
  return {
    version,
    node: { ...(nodeName === undefined ? {} : { name: nodeName }), release, architecture, ...(kernel === undefined ? {} : { distribution: kernel.distributionName }) },
    uptimeSeconds: Math.floor(uptimeMs / 1000),
    started: board.started,
    ready,
    ...(board.stopping === undefined ? {} : { stopping: board.stopping }),
    ...(board.error === undefined ? {} : { error: board.error }),
    phases: board.phases,
    capabilities: board.capabilities,
    daemon: board.daemon,
  };
}

/**
 * Why the node is not ready as far as the agent knows without asking the daemon.
 *
 * @returns undefined: only the daemon can tell
 */
export function notReadyYet(board: Board): ReadyView | undefined {
  const no = (reason: string, code?: string): ReadyView => ({ ready: false, stale: false, ...(code === undefined ? {} : { code }), reason });
  if (board.stopping !== undefined) return no(`the agent is stopping (${board.stopping})`);
  if (board.error !== undefined) return no(board.error.detail, board.error.code);
  if (!board.started) {
    const current = board.phases.find(({ state }) => state === 'running' || state === 'pending');
    return no(current === undefined ? 'the agent has not begun' : `phase ${current.name} is ${current.state}`);
  }
  return daemonNotReady(board.daemon);
}

/** The last lines that go into a reason; all are in `lastEnd`. */
const FEW_LINES = 3;

function daemonNotReady({ state, crashLoop, reason, delayMs, lastEnd }: DaemonView): ReadyView | undefined {
  const no = (why: string, code?: string): ReadyView => ({ ready: false, stale: false, ...(code === undefined ? {} : { code }), reason: why });
  const tail = lastEnd === undefined || lastEnd.tail.length === 0 ? '' : `; its last lines: ${lastEnd.tail.slice(-FEW_LINES).join(' | ')}`;
  // Also while one of its processes says that it is ready: it has said so before.
  if (crashLoop !== undefined) return no(`${crashLoop.reason}${tail}`, crashLoop.code);
  switch (state) {
    case 'crashed':
    case 'backing-off':
      return no(`kmesh-daemon ended (${lastEnd?.how ?? 'not known how'}) and is started again${delayMs === undefined ? '' : ` after a wait of ${delayMs} ms`}${tail}`, 'KM_DAEMON_EXITED');
    case 'hung':
      return no(`kmesh-daemon hangs: ${reason ?? 'not known why'}; it is ended and started again`, 'KM_DAEMON_HUNG');
    case 'absent':
    case 'stopping':
    case 'stopped':
      return no('kmesh-daemon does not run');
    default:
      return undefined;
  }
}
