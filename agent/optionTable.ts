// SPDX-License-Identifier: Apache-2.0
import type { Options as YargsOptions } from 'yargs';
import { CNI_FAILURE, INSTALL_CNI, LOG_LEVELS, MANAGE, ON_STOP, RESTART } from './options.js';
import { SUPERVISION_OPTION_NAMES, SUPERVISION_OPTIONS, SUPERVISION_TIMES, type SupervisionOption, type SupervisionOptionName, supervisionText } from './supervisor/times.js';

const text = (describe: string, value?: string): YargsOptions => ({ type: 'string', requiresArg: true, describe, ...(value === undefined ? {} : { default: value }) });

const oneOf = (describe: string, choices: readonly string[], value: string): YargsOptions => text(`${describe}: ${choices.join(', ')}`, value);

function supervisionTable(): Record<SupervisionOptionName, YargsOptions> {
  const rows = SUPERVISION_OPTION_NAMES.map((name) => {
    const option: SupervisionOption = SUPERVISION_OPTIONS[name];
    return [name, text(`${option.describe}${option.zero === undefined ? '' : `; 0: ${option.zero}`}`, supervisionText(option, SUPERVISION_TIMES[option.field]))];
  });
  return Object.fromEntries(rows) as Record<SupervisionOptionName, YargsOptions>;
}

/** Options of `run`, `plan` and `cleanup`. What is not here goes to kmesh-daemon. */
export const agentTable = {
  mode: text('Data plane mode: ads (kernel-native is the same)', 'ads'),
  'state-dir': text('Folder for build results and records', '/var/lib/kmesh'),
  'cgroup2-path': text('Where the cgroup2 hierarchy is mounted', '/mnt/kmesh_cgroup2'),
  'attach-cgroup': text('Steer only processes in this cgroup, named relative to the root of the hierarchy'),
  'bpf-fs-path': text('bpffs; pins go below bpf_kmesh/ there', '/sys/fs/bpf'),
  'bpf-header': text("The host's linux/bpf.h; by default it is looked for in the known places"),
  'kernel-headers': text('The header tree to compile kmesh.ko with (also environment KERNELDIR); by default it is looked for in the known places'),
  'module-signing-key': text('Private key (PEM) that a compiled kmesh.ko is signed with; needs --module-signing-cert'),
  'module-signing-cert': text('Its certificate (PEM or DER), which the kernel has to trust'),
  module: text('A kmesh.ko built for the running kernel, used instead of compiling one'),
  bundle: text('A finished build for this kernel, from the command bundle, used instead of compiling; or a folder of such files'),
  until: text('Last phase to run; what was done stays, and `cleanup` removes it'),
  require: text('Capabilities without which the start fails, separated by commas, for example l4 or l7'),
  manage: text(`Whose connections are steered: of the pods that labels take into the mesh, or of every process: ${MANAGE.join(', ')}; by default labelled in a pod, else all`),
  'install-cni': oneOf('Whether kmesh-cni is in the CNI chain of the node; auto: with --manage labelled', INSTALL_CNI, 'auto'),
  'cni-failure': oneOf('Whether a pod starts when kmesh-daemon cannot be told of it', CNI_FAILURE, 'allow'),
  'cni-conf-dir': text('Folder of the CNI configurations; by default /etc/cni/net.d, below /host where /host/etc is mapped'),
  'cni-bin-dir': text('Folder of the CNI plugins; by default /opt/cni/bin, below /host where /host/opt is mapped'),
  restart: oneOf('When kmesh-daemon is started again after it died', RESTART, 'on-failure'),
  ...supervisionTable(),
  'on-stop': oneOf('What happens to the node when the agent stops', ON_STOP, 'auto'),
  'api-server': text('URL of the Kubernetes API that is asked for pods, and at a stop; by default that of KUBERNETES_SERVICE_HOST, or of the kubeconfig'),
  kubeconfig: text("Kubeconfig to ask the Kubernetes API by; by default a pod's own account"),
  'status-address': text('Address that probes, status and metrics are served at; by default all'),
  'status-port': text('Port of /healthz/..., /status and the page for people', '15021'),
  'metrics-port': text('Port of /metrics', '15020'),
  'log-level': oneOf('Least severe level that is logged', LOG_LEVELS, 'info'),
  'log-format': text('json: one object a line; pretty: lines for people; default: pretty on a terminal'),
} satisfies Record<string, YargsOptions>;

/** Options of `bundle`. */
export const bundleTable = {
  ...agentTable,
  output: text('File to write; by default kmesh-RELEASE-ARCHITECTURE.tar in the current folder'),
  'kernel-release': text('Make it for the kernel of this release, which need not run here, by its header tree'),
} satisfies Record<string, YargsOptions>;

/** Options of `doctor`: those of a run, which decide what is looked at, and its own. */
export const doctorTable = {
  ...agentTable,
  json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
  'host-root': text('Look at the captured folder of a host instead of this one'),
  capture: text('Write an archive (tar) of what was looked at, without secrets, for --host-root elsewhere'),
  connect: { type: 'boolean', default: false, describe: 'Connect to the control plane, too, for some seconds at most' },
} satisfies Record<string, YargsOptions>;

/** Options of `inspect`. */
export const inspectTable = {
  json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
  'bpf-header': text('Read the helpers from this linux/bpf.h instead of the running kernel'),
  'kernel-release': text('Release to decide for, as `uname -r` prints it'),
  'kernel-config': text('Kernel configuration to decide by, plain or gzip'),
  btf: text("BTF to decide by instead of the running kernel's"),
} satisfies Record<string, YargsOptions>;

/** The commands and what they do, for the help text. */
export const COMMANDS = {
  run: 'Bring the node up and keep it up (the default)',
  plan: 'Print what run would do here and why; changes nothing',
  cleanup: 'Remove what a run left: pins, mounts, processes, build results',
  bundle: 'Write the finished build of this node to a file, for --bundle on nodes of the same kernel without compilers',
  doctor: 'Check everything that a start needs and say what to do; changes nothing, for every user',
  inspect: 'Print kernel, helpers, macros and capabilities; changes nothing, for every user',
} as const;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];
