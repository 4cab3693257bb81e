// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import { apiAccess } from '../../cluster/access.js';
import { askApi, isPod } from '../../cluster/api.js';
import { managed } from '../../cluster/manage.js';
import { askPods } from '../../endpoints.js';
import { type Context, failure } from '../../context.js';
import { KmeshError } from '../../errors.js';
import { ExecError } from '../../exec.js';
import { attachFolder, refuseUnfit } from '../../mounts/cgroup2.js';
import { lookAtPlace, refuseForeign, requireFileSystem } from '../../mounts/place.js';
import { requirePrivileges } from '../../privileges.js';
import { adminPort } from '../../supervisor/command.js';
import { daemonProgram } from '../../supervisor/pins.js';
import { askAdminPort, PORT_CHECK_MS, refuseTakenPort, requireDaemonProgram } from '../../supervisor/preconditions.js';
import { refuseSecondAgent } from '../../supervisor/processes.js';
import { runTool } from '../../tool.js';
import { podsLine } from '../../status/pods.js';
import { type Check, type Finding, type Group, ok, warning } from '../check.js';
import type { Examination } from '../examination.js';

/** What mount-filesystems and supervise-daemon build on. */
export const runningChecks: Group = {
  title: 'rights, mounts and kmesh-daemon',
  questions: [
    {
      name: 'privileges',
      look: async ({ ctx }) => {
        await requirePrivileges(ctx.sys);
        return ok('root, with CAP_SYS_ADMIN and CAP_SETGID');
      },
    },
    { name: 'cgroup2 mount', look: ({ ctx }) => lookAtMount(ctx, 'cgroup2', ctx.options.cgroup2Path) },
    { name: 'attach folder', look: lookAtAttachFolder },
    { name: 'bpffs mount', look: ({ ctx }) => lookAtMount(ctx, 'bpf', ctx.options.bpfFsPath) },
    {
      name: 'kmesh-daemon',
      look: async ({ ctx }) => {
        await requireDaemonProgram(ctx);
        return ok(daemonProgram(ctx));
      },
    },
    { name: 'running agent', look: lookAtAgent },
    { name: 'admin port', look: lookAtPort },
    { name: 'pods in the mesh', look: lookAtPods },
    { name: 'status ports', look: lookAtStatusPorts },
    { name: 'control plane', look: askDaemon },
    { name: 'Kubernetes API', look: lookAtApi },
  ],
};

async function lookAtMount(ctx: Context, fsType: 'cgroup2' | 'bpf', folder: string): Promise<Finding> {
  await requireFileSystem(ctx, fsType);
  if ((await ctx.sys.stat(folder)) === undefined) return ok(`nothing at ${folder} yet; the agent makes the folder and mounts ${fsType} there`);
  const place = await lookAtPlace(ctx, folder);
  if (fsType === 'cgroup2') await refuseUnfit(ctx, place);
  else refuseForeign(ctx, place, fsType);
  return ok(place.mounted === undefined ? `nothing at ${folder} yet; the agent mounts ${fsType} there` : `${fsType} is at ${folder}`);
}

async function lookAtAttachFolder({ ctx }: Examination): Promise<Finding> {
  const { attachCgroup, cgroup2Path } = ctx.options;
  if (attachCgroup === undefined) return ok('the root of the hierarchy: every process of the node');
  if ((await ctx.sys.stat(cgroup2Path)) === undefined) return warning(`could not look: cgroup2 is not mounted at ${cgroup2Path} yet`, 'Nothing; the start looks again.');
  return ok(await attachFolder(ctx));
}

/** A running agent is how it should be; who starts a second one is told. */
async function lookAtAgent({ ctx }: Examination): Promise<Finding> {
  const running = await runningAgent(ctx);
  return ok(running === undefined ? 'none' : `${running.detail}; a second one would be refused (${running.code})`);
}

async function runningAgent(ctx: Context): Promise<KmeshError | undefined> {
  try {
    await refuseSecondAgent(ctx);
    return undefined;
  } catch (error) {
    if (error instanceof KmeshError && error.code === 'KM_AGENT_RUNNING') return error;
    throw error;
  }
}

async function lookAtPort({ ctx }: Examination): Promise<Finding> {
  const port = adminPort(ctx.options.daemonArgs);
  const answer = await askAdminPort(ctx);
  if (answer === undefined) return ok(`nobody answers on 127.0.0.1:${port}`);
  if ((await runningAgent(ctx)) === undefined) refuseTakenPort(ctx, answer);
  return ok(`the daemon of the running agent answers on 127.0.0.1:${port} (${answer.status})`);
}

/** Of a daemon that runs; before there is one, labels say which they will be. */
async function lookAtPods({ ctx }: Examination): Promise<Finding> {
  const { manage, why } = await managed(ctx);
  const pods = await askPods(ctx);
  if (pods === undefined) return ok(manage === 'all' ? `a start steers the connections of every process (${why})` : `a start steers those of the pods that labels take into the mesh (${why})`);
  const [trouble] = 'off' in pods ? [] : pods.troubles;
  return trouble === undefined ? ok(podsLine(pods)) : warning(`${podsLine(pods)}; ${trouble.code}: ${trouble.concerns}: ${trouble.reason}`, trouble.remedy);
}

/** What a start would find taken, as far as whoever has it answers to HTTP. */
async function lookAtStatusPorts({ ctx }: Examination): Promise<Finding> {
  const { statusAddress = '127.0.0.1', statusPort, metricsPort } = ctx.options;
  const host = statusAddress.includes(':') ? `[${statusAddress}]` : statusAddress;
  const urls = [`http://${host}:${statusPort}/healthz/live`, `http://${host}:${metricsPort}/`];
  const taken: string[] = [];
  for (const url of urls) if ((await ctx.sys.httpGet(url, PORT_CHECK_MS)) !== undefined) taken.push(url);
  if (taken.length === 0) return ok(`nobody answers on the ports ${statusPort} and ${metricsPort}`);
  if ((await runningAgent(ctx)) === undefined) throw failure(ctx, 'KM_STATUS_PORT', `${taken.join(' and ')} answers before the agent was started`);
  return ok(`the running agent answers on the ports ${statusPort} and ${metricsPort}`);
}

const answers = z.object({
  checks: z.array(z.object({ name: z.string().max(100), status: z.enum(['ok', 'error']), evidence: z.string().max(4000), remedy: z.string().max(4000) })).min(1).max(20),
});

/** Only the daemon knows what an address of a control plane is, so it is the one to ask. */
async function askDaemon({ ctx, connect }: Examination): Promise<Finding | readonly Check[]> {
  const program = daemonProgram(ctx);
  if ((await ctx.sys.stat(program)) === undefined) return warning(`could not look: there is no ${program}, which knows addresses of control planes`, 'See kmesh-daemon.');
  try {
    const { stdout } = await runTool(ctx, process.execPath, [program, '--check', connect ? 'connect' : 'files', ...ctx.options.daemonArgs]);
    return answers.parse(JSON.parse(stdout)).checks.map(({ name, ...rest }) => ({ name: name.replaceAll('-', ' '), ...rest }));
  } catch (error) {
    if (error instanceof ExecError) throw failure(ctx, 'KM_DAEMON_START', `kmesh-daemon --check: ${error.failure.reason}: ${error.failure.tail.at(-1) ?? 'it says nothing'}`, { cause: error });
    if (error instanceof SyntaxError || error instanceof z.ZodError) throw failure(ctx, 'KM_DAEMON_START', 'kmesh-daemon --check did not answer as it should; agent.js and daemon.js may be of different versions');
    throw error;
  }
}

/** What is asked at a stop. The server itself is only asked by --connect; without its answer a start goes on. */
async function lookAtApi({ ctx, connect }: Examination): Promise<Finding> {
  const { kubeconfig } = ctx.options;
  if (kubeconfig === undefined && !(await isPod(ctx))) return ok('not asked: this is no pod, and --kubeconfig is not set');
  const known = kubeconfig === undefined ? "asked at a stop, by the pod's account" : `${(await apiAccess(ctx)).server}, by ${kubeconfig}`;
  if (!connect) return ok(known);
  const answer = await askApi(ctx, '/version');
  const trouble = 'silence' in answer ? answer.silence : answer.status === 200 ? undefined : `it answers ${answer.status}`;
  return trouble === undefined ? ok(`${known}: it answers`) : warning(`${known}: ${trouble}`, 'Make the API server reachable from here and the credentials valid; while it does not answer, a stop in a pod keeps everything.');
}
