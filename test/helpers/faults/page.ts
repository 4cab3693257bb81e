// SPDX-License-Identifier: Apache-2.0
/** docs/faults.md, from the trials. */
import { SEQUENCE } from '../../../agent/sequence.js';
import { HEADERS, INSTALLED, RELEASE } from '../machines.js';
import type { Call, Fault } from './faults.js';
import { BPFFS, CGROUP2, CNI_BIN, CNI_CONF, STATE } from './syntheticNode.js';
import type { Trial } from './table.js';

const KINDS: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`^${INSTALLED}/(bpf|kernel)`), 'sources in the install folder'],
  [new RegExp(`^${INSTALLED}/config`), 'linux/bpf.h'],
  [new RegExp(`^${INSTALLED}/cni/`), 'kmesh-cni in the install folder'],
  [new RegExp(`^${CNI_CONF}`), "the node's CNI configurations"],
  [new RegExp(`^${CNI_BIN}`), "the node's CNI plugins"],
  [/^\/var\/run\/kmesh/, '/var/run/kmesh'],
  [/^\/host\/(etc|opt)$/, "the host's /etc and /opt"],
  [new RegExp(`^${INSTALLED}`), 'other files of the install folder'],
  [new RegExp(`^/lib/modules/${RELEASE}/kernel`), "the kernel's own modules"],
  [new RegExp(`^(${HEADERS}|/lib\\b|/usr$|/usr/src)`), 'the kernel header tree and the links to it'],
  [/^\/(host\/)?usr\/include\/linux\/bpf\.h/, 'linux/bpf.h'],
  [/^\/usr\/include/, "libbpf's headers"],
  [/^\/usr\/lib\/.*libbpf/, 'libbpf'],
  [/os-release/, 'os-release'],
  [/^\/sys\/kernel\/btf/, "the kernel's BTF"],
  [/^\/(boot\/config|proc\/config|.*lib\/modules\/.*\/config$)/, "the kernel's configuration"],
  [/^\/sys\/module\/kmesh/, 'what kmesh.ko shows of itself'],
  [/^\/proc\/modules/, '/proc/modules'],
  [/^\/proc\/self\/mountinfo/, 'the mount table'],
  [/^\/(sys\/fs\/cgroup|proc\/self\/cgroup|proc\/vmstat)/, 'limits and counters of the own cgroup'],
  [/^\/proc\/(self|1|PID)\/(ns|stat$)/, '/proc of agent and daemon'],
  [/boot_id/, 'the boot id'],
  [/serviceaccount/, "the service account's token"],
  [new RegExp(`^${STATE}/build/.*\\.lock|builds\\.lock`), 'locks of the build folder'],
  [new RegExp(`^${STATE}/build`), 'the build folder'],
  [new RegExp(`^${STATE}`), 'records in the state folder'],
  [new RegExp(`^${BPFFS}/bpf_kmesh`), 'pins'],
  [new RegExp(`^(${BPFFS}|${CGROUP2}|/mnt$)`), 'the mount points'],
  [/^\/(proc|sys)\//, "what the kernel says of its rules"],
];

const VERBS: Readonly<Record<string, string>> = {
  stat: 'read', readBytes: 'read', readText: 'read', readGzip: 'read', readLink: 'read', realPath: 'read', list: 'read', sha256: 'read',
  makeFolders: 'write', writeFileAtomically: 'write', replaceFile: 'write', sync: 'write', writeExisting: 'write', copyFile: 'write', rename: 'write',
  removeEmptyFolder: 'remove', removeTree: 'remove', tryLock: 'lock',
};

const HOWS: Readonly<Record<Fault, string>> = {
  ...{ EIO: 'I/O error', EACCES: 'not permitted', ENOSPC: 'disk full', EROFS: 'read-only', EADDRINUSE: 'port taken', ENOENT: 'vanishes', garbage: 'garbage', held: 'held by another' },
  ...{ 'not there': 'cannot be started', fails: 'fails', late: 'fails after its work', hangs: 'hangs', 'hangs late': 'hangs after its work', killed: 'is killed', idle: 'claims success for nothing' },
  ...{ damaged: 'leaves garbage', dies: 'dies at once', 'dies later': 'dies later', silent: 'no answer', stop: 'told to stop meanwhile' },
};

function what({ name, about }: Call): string {
  if (name === 'run') return `\`${about.replace(BPFFS, 'BPFFS').replace(CGROUP2, 'CGROUP2')}\``;
  if (name === 'start') return 'start of kmesh-daemon';
  if (name === 'httpGet') return "kmesh-daemon's answer";
  if (name === 'serveHttp') return 'ports of status and metrics';
  if (name === 'followKernelLog') return "the kernel's log";
  const kind = KINDS.find(([pattern]) => pattern.test(about))?.[1] ?? about;
  return `${VERBS[name] ?? name} ${kind}`;
}

/** Of the outcome what a user sees: how it ends, codes, exit code. */
function seen({ outcome }: Trial): readonly [string, string, string] {
  const { exit, ready, off, codes, undoFailed, kept } = outcome;
  const without = off.has('l7-http') ? ' without l7-http' : '';
  const rest = undoFailed ? '; not all could be undone, `cleanup` removes it' : kept ? '; all stays when it is told to stop' : '';
  const how = ready ? `comes up${without}${rest}` : exit === 143 ? `stops${rest}` : `ends, what it did is undone${rest}`;
  return [how, [...new Set(codes)].map((code) => `\`${code}\``).join(' '), String(exit)];
}

/** Rows: phase, what, how, outcome, codes, exit codes. Calls of which all that is shown is the same share a row. */
export function rowsOf(trials: readonly Trial[]): readonly (readonly string[])[] {
  const cells = new Map<string, { where: string; what: string; hows: Set<string>; outcome: readonly string[] }>();
  for (const trial of trials) {
    const { call, fault } = trial;
    const outcome = seen(trial);
    const subject = fault === 'stop' ? 'any of its calls' : what(call);
    const key = [call.where, subject, ...outcome].join('|');
    const cell = cells.get(key) ?? { where: call.where, what: subject, hows: new Set<string>(), outcome };
    cells.set(key, { ...cell, hows: cell.hows.add(HOWS[fault]) });
  }
  const rows = new Map<string, { where: string; whats: string[]; hows: string; outcome: readonly string[] }>();
  for (const { where, what: subject, hows, outcome } of cells.values()) {
    const words = [...hows].sort().join(', ');
    // Why nothing comes of it is the same for all of them, whatever went wrong.
    const quiet = outcome[0] === 'comes up' && outcome[1] === '';
    const key = [where, quiet ? '' : words, ...outcome].join('|');
    const row = rows.get(key) ?? { where, whats: [], hows: words, outcome };
    if (quiet && row.whats.length > 0) row.hows = [...new Set([...row.hows.split(', '), ...hows])].sort().join(', ');
    row.whats.push(subject);
    rows.set(key, row);
  }
  // In the order of the phases; what is taken back comes behind each.
  const order = ['around the phases', ...SEQUENCE.flatMap(({ name }) => [name, `${name}: held`, `${name}: undone`])];
  const sorted = [...rows.values()].sort((a, b) => order.indexOf(a.where) - order.indexOf(b.where));
  return sorted.map(({ where, whats, hows, outcome: [how = '', codes = '', exit = ''] }) => [where, whats.join('; '), hows, how, codes, exit]);
}

export function faultsPage(trials: readonly Trial[]): string {
  const rows = rowsOf(trials).map((cells) => `| ${cells.join(' | ')} |`);
  const calls = new Set(trials.map(({ call: { where, name, about } }) => `${where}|${name}|${about}`)).size;
  return `${HEAD.replace('CALLS', String(calls)).replace('TRIALS', String(trials.length))}${rows.join('\n')}\n`;
}

const HEAD = `# What happens when something fails

Generated by \`npm run docs:faults\` from test/helpers/faults; a test holds page and behaviour equal. Do not edit by hand.

A start of a node in memory makes CALLS different calls to the outside: files, tools, kmesh-daemon, ports. Each of them is made to
go wrong, once, in every way that fits it, on a node as it comes and on one that an earlier run left working: TRIALS starts. In each:

- the node comes up, or the agent ends with a code of [errors.md](errors.md) and the exit code of its class; never \`KM_INTERNAL\`;
- what the capability table says of l7-http is true (after an earlier run whose kmesh.ko works on, it is the least that holds);
- a start that fails or is told to stop leaves the node as it was: mounts, folders, kmesh.ko, pins, processes, ports, locks. Finished
  builds stay for the next start, and so does a partial one that cannot be removed: the next build sweeps it;
- where an undo itself fails it is told, and \`node agent.js cleanup\` removes the rest;
- the record of what an earlier run mounted is the one thing that cannot be made up for: where it is lost or damaged between two runs,
  those mounts stay, since nothing proves that they are the agent's.

"Held" is the time when the node is in the mesh, "undone" what is taken back after a failure or a stop. A call that vanishes is there
again the next time. One row stands for all calls for which the rest of the row is the same.

| phase | what | goes wrong how | outcome | codes told | exit |
|---|---|---|---|---|---|
`;
