// SPDX-License-Identifier: Apache-2.0

/** Exit codes, one for each class of failure; docs/errors.md explains them to users. */
export const EXIT_CODES = {
  internal: 1,
  usage: 2,
  kernel: 10,
  helpers: 11,
  build: 12,
  module: 13,
  mounts: 14,
  daemon: 15,
  privileges: 16,
  requirement: 17,
  state: 18,
  status: 19,
  unhealthy: 20,
  cluster: 21,
  cni: 22,
  // As shells, tini and catatonit tell it.
  'not executable': 126,
  'not found': 127,
} as const;

export type FailureClass = keyof typeof EXIT_CODES;

/** What remedies say differently on each distribution: a command such as "apt-get install clang", or what to look for. */
export interface InstallHints {
  readonly clang: string;
  readonly make: string;
  readonly uapiHeaders: string;
  readonly kernelHeaders: string;
  readonly gcc: string;
  readonly kmod: string;
}

export const NEUTRAL_HINTS: InstallHints = {
  clang: 'the package that brings clang',
  make: 'the package that brings make',
  uapiHeaders: "the package of the kernel's uapi headers",
  kernelHeaders: 'the package of the headers for exactly this kernel',
  gcc: 'the package of the compiler that built the kernel',
  kmod: 'the package that brings insmod and rmmod',
};

interface ErrorEntry {
  readonly class: FailureClass;
  /** What is wrong in general; the error's own text says what it was this time. */
  readonly cause: string;
  readonly remedy: string | ((hints: InstallHints) => string);
}

const installHeader = (hints: InstallHints): string => `Install it on the host (${hints.uapiHeaders}), or name another header with --bpf-header.`;

/** Every failure that a user can meet. docs/errors.md repeats this table; a test holds the two equal. */
export const ERRORS = {
  KM_INTERNAL: {
    class: 'internal',
    cause: 'The agent met a situation that its authors did not foresee: a bug.',
    remedy: 'Report it with the whole log at --log-level debug.',
  },
  KM_USAGE: {
    class: 'usage',
    cause: 'The command line cannot be understood.',
    remedy: 'See --help.',
  },
  KM_MODE_NOT_BUILT: {
    class: 'usage',
    cause: 'The data plane mode is known by name but is not part of this build.',
    remedy: 'Use --mode=ads.',
  },
  KM_PRIVILEGES: {
    class: 'privileges',
    cause: 'The process may not mount file systems or load eBPF programs.',
    remedy: 'Run as root in a privileged container, or use sudo; plan, doctor, inspect and --help work for every user.',
  },
  KM_REQUIRED_CAPABILITY: {
    class: 'requirement',
    cause: 'A capability named by --require cannot be had on this node.',
    remedy: "Do what the capability table says would turn it on, or take it out of --require.",
  },
  KM_RELEASE: {
    class: 'kernel',
    cause: 'The kernel release does not look like one.',
    remedy: 'Compare with `uname -r`; for inspect, give the release by --kernel-release.',
  },
  KM_ARCHITECTURE: {
    class: 'kernel',
    cause: 'The eBPF programs and kmesh-daemon are not made for the architecture of this machine.',
    remedy: 'Run on a 64-bit little-endian machine; x86_64 and aarch64 are the ones that were tried.',
  },
  KM_BPF_UNSUPPORTED: {
    class: 'kernel',
    cause: 'The kernel was built without the eBPF features that steering connections needs.',
    remedy: 'Boot a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_CGROUP_BPF=y.',
  },
  KM_INPUT_FILE: {
    class: 'kernel',
    cause: 'A file with facts about the kernel cannot be read or is not what it should be.',
    remedy: 'Check that the file exists, is readable and is of the right kind.',
  },
  KM_HOST_ROOT: {
    class: 'kernel',
    cause: 'The folder named by --host-root does not hold the files of a host.',
    remedy: 'Unpack the archive that `doctor --capture FILE` wrote (tar -xf FILE) and name the folder kmesh-capture in it.',
  },
  KM_CAPTURE: {
    class: 'state',
    cause: 'The archive named by --capture cannot be written.',
    remedy: 'Name a file in a folder that you may write to and that has room.',
  },
  KM_HELPERS_MISSING: {
    class: 'helpers',
    cause: 'No uapi header linux/bpf.h was found, and the kernel has no BTF that could answer instead.',
    remedy: installHeader,
  },
  KM_HELPERS_DIRECTORY: {
    class: 'helpers',
    cause: 'A directory stands where linux/bpf.h should be: a container volume of a file that the host lacks becomes an empty directory.',
    remedy: (hints) => `Remove the directory. ${installHeader(hints)}`,
  },
  KM_HELPERS_UNREADABLE: {
    class: 'helpers',
    cause: 'linux/bpf.h is there but cannot be read.',
    remedy: (hints) => `Check its permissions and size. ${installHeader(hints)}`,
  },
  KM_HELPERS_EMPTY: {
    class: 'helpers',
    cause: 'linux/bpf.h has no contents.',
    remedy: installHeader,
  },
  KM_HELPERS_TRUNCATED: {
    class: 'helpers',
    cause: 'linux/bpf.h ends in the middle of its list of helpers.',
    remedy: installHeader,
  },
  KM_HELPERS_GARBAGE: {
    class: 'helpers',
    cause: 'linux/bpf.h has no list of helpers that can be read.',
    remedy: installHeader,
  },
  KM_SOURCES: {
    class: 'build',
    cause: 'The sources of the eBPF programs are not in the install folder.',
    remedy: 'Install the agent anew; the folder bpf/ belongs beside agent.js.',
  },
  KM_CLANG_MISSING: {
    class: 'build',
    cause: 'clang, which compiles the eBPF programs, is not there or does not run.',
    remedy: (hints) => `Install clang (${hints.clang}).`,
  },
  KM_MAKE_MISSING: {
    class: 'build',
    cause: 'make, which builds the eBPF programs, is not there or does not run.',
    remedy: (hints) => `Install make (${hints.make}).`,
  },
  KM_BPF_COMPILE: {
    class: 'build',
    cause: 'make or clang refused the eBPF programs.',
    remedy: 'Read the first error of the compiler; the name of a missing header leads to the package that is missing.',
  },
  KM_BPF_GARBAGE: {
    class: 'build',
    cause: 'make and clang reported success, but what they left is no object with eBPF programs and their types.',
    remedy: (hints) => `See that the make and clang that are found first in PATH are the real ones and that this clang knows the bpf target (\`clang --print-targets\`); else install clang again (${hints.clang}).`,
  },
  KM_HEADERS_MISSING: {
    class: 'build',
    cause: 'There is no kernel header tree to compile kmesh.ko with.',
    remedy: (hints) => `Install the headers of exactly the running kernel on the host (${hints.kernelHeaders}), or name a tree by --kernel-headers.`,
  },
  KM_HEADERS_DANGLING: {
    class: 'build',
    cause: "A link to the kernel's header tree points to a folder that is not there: the package was removed, or only a part of the host is mapped into the container.",
    remedy: (hints) => `Install the headers of exactly the running kernel on the host (${hints.kernelHeaders}); in a container, map the host's /usr to /host/usr.`,
  },
  KM_HEADERS_RELEASE: {
    class: 'build',
    cause: 'The kernel header tree is for another release than the running kernel.',
    remedy: (hints) => `Install the headers of exactly the running kernel on the host (${hints.kernelHeaders}), or reboot into the kernel that the headers are for.`,
  },
  KM_HEADERS_INCOMPLETE: {
    class: 'build',
    cause: 'The kernel header tree lacks files that building a module needs.',
    remedy: (hints) => `Install the package of the headers again (${hints.kernelHeaders}); in a source tree of your own, run make and make modules_prepare.`,
  },
  KM_HEADERS_TOOLS: {
    class: 'build',
    cause: 'A program of the kernel header tree, which building a module runs, does not run here: it needs a newer C library, another processor, or a mount without noexec.',
    remedy: "Use an image of this agent whose C library is as new as the host's, or give a kmesh.ko built elsewhere by --module.",
  },
  KM_MODULE_COMPILER: {
    class: 'build',
    cause: 'No compiler for kmesh.ko is there, or it does not run.',
    remedy: (hints) => `Install the compiler that the kernel was built with (${hints.gcc}).`,
  },
  KM_MODULE_COMPILER_MISMATCH: {
    class: 'build',
    cause: "The compiler here lacks what the kernel's configuration demands of the compiler of its modules.",
    remedy: (hints) => `Install the compiler that the kernel was built with (${hints.gcc}).`,
  },
  KM_MODULE_COMPILE: {
    class: 'build',
    cause: 'make or the compiler refused kmesh.ko.',
    remedy: (hints) =>
      `Read the first error of the compiler. An unknown option means that the compiler is older than the one that built the kernel (${hints.gcc}); a missing file that the headers are incomplete (${hints.kernelHeaders}).`,
  },
  KM_MODULE_SIGNING_KEY: {
    class: 'build',
    cause: 'The files of --module-signing-key and --module-signing-cert cannot be used to sign kmesh.ko.',
    remedy: 'Give a private key in PEM without a passphrase and the certificate that belongs to it.',
  },
  KM_MODULE_SIGN: {
    class: 'build',
    cause: "The header tree's scripts/sign-file did not sign kmesh.ko.",
    remedy: 'Read its last lines; sign a kmesh.ko elsewhere and give it by --module otherwise.',
  },
  KM_BUILD_TIMEOUT: {
    class: 'build',
    cause: 'The compilation took longer than it may.',
    remedy: 'Give the container more CPU, then start again.',
  },
  KM_BUILD_MEMORY: {
    class: 'build',
    cause: 'The kernel killed the compiler because the memory limit was reached.',
    remedy: "Raise the container's memory limit (resources.limits.memory), then start again.",
  },
  KM_BUNDLE_FILE: {
    class: 'build',
    cause: 'The file named by --bundle is not a bundle that this agent reads, or is damaged.',
    remedy: 'Write it anew on a node of the same kernel by `node agent.js bundle`, and compare digests after it was copied.',
  },
  KM_BUNDLE_UNFIT: {
    class: 'build',
    cause: 'The bundle was made for another kernel, or by an agent with other sources.',
    remedy: 'Use the compat image (Dockerfile.compat), which compiles on each node for its kernel; or write a bundle for exactly this kernel by `node agent.js bundle` of this version; or leave --bundle out where the node can compile.',
  },
  KM_BUNDLE_WRITE: {
    class: 'state',
    cause: 'The bundle cannot be written.',
    remedy: 'Name a file in a writable folder with free space by --output.',
  },
  KM_STATE_DIR: {
    class: 'state',
    cause: 'The state folder cannot be read or written.',
    remedy: 'Name a folder on a writable file system with free space by --state-dir.',
  },
  KM_STATE_VERSION: {
    class: 'state',
    cause: 'A record in the state folder is of a version of the agent that this one does not understand.',
    remedy: 'Use the version of the agent that wrote it, or run `node agent.js cleanup` of that version first.',
  },
  KM_STATE_OPEN: {
    class: 'state',
    cause: 'Others than the user of the agent may write to the state folder; what lies there is loaded into the kernel.',
    remedy: 'Close the folder (chown root:root, chmod 0700), or name another one by --state-dir.',
  },
  KM_AGENT_RUNNING: {
    class: 'state',
    cause: 'An agent that uses this state folder, these pins or this cgroup is running.',
    remedy: 'Stop that agent first (SIGTERM).',
  },
  KM_KUBECONFIG_MISSING: {
    class: 'cluster',
    cause: 'The kubeconfig named by --kubeconfig is not there.',
    remedy: 'Name the file that is there (in a container: mount it), or leave --kubeconfig out: a pod asks by its own account.',
  },
  KM_KUBECONFIG_FILE: {
    class: 'cluster',
    cause: 'The kubeconfig cannot be read, is none, or holds certificates or credentials that are none.',
    remedy: 'Write it anew (`kubectl config view --flatten --minify --raw`), readable for the agent, with the files that it names beside it.',
  },
  KM_KUBECONFIG_CONTEXT: {
    class: 'cluster',
    cause: 'The current context of the kubeconfig, its cluster or its user is missing.',
    remedy: 'See `kubectl config get-contexts` and choose one by `kubectl config use-context NAME`.',
  },
  KM_KUBECONFIG_UNSUPPORTED: {
    class: 'cluster',
    cause: 'The kubeconfig reaches its cluster in a way that the agent does not go: by a program or plugin for credentials, a password, a proxy, or without checking the server.',
    remedy: 'Give a kubeconfig with a token (for example of `kubectl create token`) or a client certificate, and the certificate of the authority.',
  },
  KM_MODULE_FILE: {
    class: 'module',
    cause: 'The file named by --module is not kmesh.ko for the running kernel.',
    remedy: 'Name a kmesh.ko that was built for exactly this release (`modinfo -F vermagic FILE`), or leave --module out so that it is compiled here.',
  },
  KM_MODULE_TOOL: {
    class: 'module',
    cause: 'insmod or rmmod, which load and remove kernel modules, is not there or does not run.',
    remedy: (hints) => `Install insmod and rmmod (${hints.kmod}).`,
  },
  KM_MODULE_FORMAT: {
    class: 'module',
    cause: 'kmesh.ko was built for another kernel: its release, compiler options or symbol checksums differ from those of the running one.',
    remedy: (hints) => `Install the headers of exactly the running kernel (${hints.kernelHeaders}), then start again.`,
  },
  KM_MODULE_SIGNATURE: {
    class: 'module',
    cause: 'The kernel only loads modules that are signed with a key it trusts (CONFIG_MODULE_SIG_FORCE, module.sig_enforce=1).',
    remedy: 'Have kmesh.ko signed with a key that the kernel trusts (--module-signing-key and --module-signing-cert; with secure boot, enrol the certificate by mokutil --import), or give a signed one by --module.',
  },
  KM_MODULE_LOCKDOWN: {
    class: 'module',
    cause: 'The kernel is locked down, by secure boot or lockdown= on its command line: no unsigned module is loaded.',
    remedy: 'Have kmesh.ko signed (--module-signing-key and --module-signing-cert), enrol the certificate by mokutil --import and reboot; or turn off secure boot.',
  },
  KM_MODULE_SYMBOL: {
    class: 'module',
    cause: 'kmesh.ko uses a function that the running kernel does not export.',
    remedy: 'Report it with the line of the kernel log that names the symbol, and the release of the kernel.',
  },
  KM_MODULE_DENIED: {
    class: 'module',
    cause: 'The agent may not load kernel modules.',
    remedy: 'Run in a privileged container (CAP_SYS_MODULE); a security module (SELinux, AppArmor, seccomp) or kernel.modules_disabled=1 forbids it otherwise.',
  },
  KM_MODULE_MEMORY: {
    class: 'module',
    cause: 'The kernel had no memory to load kmesh.ko.',
    remedy: 'Free memory on the node, then start again.',
  },
  KM_MODULE_INIT: {
    class: 'module',
    cause: 'kmesh.ko was loaded and gave up in its own start: a self-test failed, or the kernel lacks what it builds on.',
    remedy: 'Report it with the lines of the kernel log and the release of the kernel.',
  },
  KM_MODULE_FOREIGN: {
    class: 'module',
    cause: 'A kernel module named kmesh is loaded that is not of this project; it is left alone.',
    remedy: 'Remove it by hand (rmmod kmesh), then start again.',
  },
  KM_MODULE_ABI: {
    class: 'module',
    cause: 'The kmesh.ko in the kernel and the eBPF programs are of versions that do not understand each other.',
    remedy: 'Remove the module (`node agent.js cleanup`), or give one of the same version by --module, then start again.',
  },
  KM_MODULE_IN_USE: {
    class: 'module',
    cause: 'kmesh.ko cannot be removed: something in the kernel still uses it.',
    remedy: 'End what the message names, then start again, or run `node agent.js cleanup`.',
  },
  KM_MODULE_REMOVE: {
    class: 'module',
    cause: 'kmesh.ko could not be removed.',
    remedy: 'See the last lines of rmmod and of the kernel log; a kernel without CONFIG_MODULE_UNLOAD keeps a module until the next boot.',
  },
  KM_FILESYSTEM_UNSUPPORTED: {
    class: 'mounts',
    cause: 'The kernel does not know a file system that is needed.',
    remedy: 'Boot a kernel with CONFIG_CGROUPS=y and CONFIG_BPF_SYSCALL=y.',
  },
  KM_MOUNT_POINT: {
    class: 'mounts',
    cause: 'The folder to mount on cannot be used.',
    remedy: 'Choose another folder with --cgroup2-path or --bpf-fs-path.',
  },
  KM_MOUNT_FOREIGN: {
    class: 'mounts',
    cause: 'A file system of another type is mounted where ours belongs.',
    remedy: 'Unmount it, or choose another folder with --cgroup2-path or --bpf-fs-path.',
  },
  KM_MOUNT_FAILED: {
    class: 'mounts',
    cause: 'A file system could not be mounted.',
    remedy: 'Run in a privileged container; security modules (SELinux, AppArmor, seccomp) may forbid mounts.',
  },
  KM_UNMOUNT_FAILED: {
    class: 'mounts',
    cause: 'A file system that the agent mounted could not be unmounted.',
    remedy: 'End the processes that use it, then run `node agent.js cleanup`.',
  },
  KM_CGROUP2_NOT_ROOT: {
    class: 'mounts',
    cause: 'Only a part of the cgroup2 hierarchy can be seen from here; programs attached there would steer nothing else.',
    remedy: 'Run the container in the cgroup namespace of the host, or map /proc of the host to /host/proc.',
  },
  KM_CGROUP2_OPTIONS: {
    class: 'mounts',
    cause: "Mounting cgroup2 changed the mount options of the host's hierarchy.",
    remedy: "Mount the host's cgroup2 into the container, so that it can be bound instead.",
  },
  KM_ATTACH_CGROUP: {
    class: 'mounts',
    cause: 'The folder named by --attach-cgroup is no cgroup below the cgroup2 mount.',
    remedy: 'Create the cgroup before the start; name it relative to the root of the hierarchy.',
  },
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
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export interface KmeshErrorOptions extends ErrorOptions {
  /** Last lines of the tool that failed, oldest first. */
  readonly tail?: readonly string[] | undefined;
  readonly hints?: InstallHints | undefined;
  /** Overrides the exit code of the class: the daemon's own code is passed on. */
  readonly exitCode?: number | undefined;
}

/** A failure that a user can do something about: code, what happened, the tool's last lines, the remedy. */
export class KmeshError extends Error {
  override readonly name = 'KmeshError';
  readonly code: ErrorCode;
  /** What happened this time; `message` has the code in front. */
  readonly detail: string;
  readonly general: string;
  readonly remedy: string;
  readonly tail: readonly string[];
  readonly exitCode: number;

  constructor(code: ErrorCode, detail: string, options: KmeshErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    const entry: ErrorEntry = ERRORS[code];
    this.code = code;
    this.detail = detail;
    this.general = entry.cause;
    this.remedy = typeof entry.remedy === 'string' ? entry.remedy : entry.remedy(options.hints ?? NEUTRAL_HINTS);
    this.tail = options.tail ?? [];
    this.exitCode = options.exitCode ?? EXIT_CODES[entry.class];
  }

  /** The error for people: several lines, the cause first. */
  toText(): string {
    const tail = this.tail.map((line) => `  | ${line}`);
    return [this.message, `  ${this.general}`, ...tail, `  remedy: ${this.remedy}`].join('\n');
  }

  /** The error for logs that are read by machines. */
  toJSON(): Record<string, unknown> {
    return { code: this.code, detail: this.detail, cause: this.general, remedy: this.remedy, tail: this.tail, exitCode: this.exitCode };
  }
}

/** Any thrown value as a KmeshError; what is not one already is a bug. */
export function asKmeshError(thrown: unknown): KmeshError {
  if (thrown instanceof KmeshError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const stack = thrown instanceof Error ? (thrown.stack ?? '').split('\n').slice(1, 8) : [];
  return new KmeshError('KM_INTERNAL', message, { cause: thrown, tail: stack.map((line) => line.trim()) });
}
