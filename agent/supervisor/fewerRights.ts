// SPDX-License-Identifier: Apache-2.0
import type { Context } from '../context.js';
import type { Manage } from '../options.js';
import { ExecError } from '../exec.js';
import { runTool } from '../tool.js';

/**
 * What kmesh-daemon needs for as long as it runs, by number (include/uapi/linux/capability.h), since a setpriv that is older than a
 * capability does not know its name. It loads and attaches programs again when kmesh.ko or its own build changes.
 */
const NEEDED = [
  2, // CAP_DAC_READ_SEARCH: tokens and xDS files that belong to others
  6, // CAP_SETGID: the group by which the programs let its connections pass
  12, // CAP_NET_ADMIN: programs on sockets
  24, // CAP_SYS_RESOURCE: locked memory for maps, before 5.11
  38, // CAP_PERFMON: the program on kmesh.ko's tracepoint
  39, // CAP_BPF
];

/** To enter the network namespaces of pods for an instant, and to find them by their processes. */
const NEEDED_FOR_PODS = [
  19, // CAP_SYS_PTRACE
  21, // CAP_SYS_ADMIN
];

/** What CAP_PERFMON and CAP_BPF were part of before 5.8. */
const CAP_SYS_ADMIN = 21;
const LAST_CAP = '/proc/sys/kernel/cap_last_cap';

/**
 * The command by which the daemon has no more rights than its work needs, and can never get others: setpriv(1) drops the rest from
 * its bounding set and sets no_new_privs, for all of its threads, and becomes the program. Where that is not possible it is told and done without.
 */
export async function withFewerRights(ctx: Context, file: string, args: readonly string[], manage: Manage): Promise<{ file: string; args: readonly string[] }> {
  const drop = ['--no-new-privs', '--inh-caps=-all', `--bounding-set=-all,${(await neededCapabilities(ctx, manage)).map((number) => `+cap_${number}`).join(',')}`];
  try {
    await runTool(ctx, 'setpriv', [...drop, 'true']);
    return { file: 'setpriv', args: [...drop, file, ...args] };
  } catch (error) {
    const why = error instanceof ExecError ? `${error.failure.reason}${error.failure.tail.length > 0 ? `: ${error.failure.tail.at(-1)}` : ''}` : (error as Error).message;
    if (!ctx.stop.aborted) ctx.log.warn(`kmesh-daemon keeps all rights of the agent: setpriv ${why}`);
    return { file, args };
  }
}

async function neededCapabilities({ sys }: Context, manage: Manage): Promise<readonly number[]> {
  const needed = [...NEEDED, ...(manage === 'labelled' ? NEEDED_FOR_PODS : [])].sort((a, b) => a - b);
  const last = Number(await sys.readText(LAST_CAP, 64).catch(() => ''));
  if (last >= Math.max(...needed)) return needed;
  return [...new Set([...needed.filter((number) => number <= Math.max(last, CAP_SYS_ADMIN)), CAP_SYS_ADMIN])].sort((a, b) => a - b);
}
