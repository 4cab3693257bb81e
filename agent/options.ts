// SPDX-License-Identifier: Apache-2.0
import type { LogFormat } from './log.js';
import type { SupervisionTimes } from './supervisor/times.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export const ON_STOP = ['auto', 'keep', 'cleanup'] as const;
export const MANAGE = ['labelled', 'all'] as const;
export const INSTALL_CNI = ['auto', 'yes', 'no'] as const;
export const CNI_FAILURE = ['allow', 'deny'] as const;
export const RESTART = ['on-failure', 'never'] as const;

/** Spellings of the mode that is built, and of the one that is known but not built. */
export const MODES = { ads: ['ads', 'kernel-native'], workload: ['workload', 'dual-engine'] } as const;

export type Manage = (typeof MANAGE)[number];
export type OnStop = (typeof ON_STOP)[number];
export type RestartPolicy = (typeof RESTART)[number];

/** The agent's options after parsing; all paths are absolute. */
export interface AgentOptions {
  readonly mode: 'ads';
  readonly stateDir: string;
  readonly cgroup2Path: string;
  /** A folder below the root of the cgroup2 hierarchy, relative to it; undefined: the root itself. */
  readonly attachCgroup: string | undefined;
  readonly bpfFsPath: string;
  /** Where probes, status and metrics are served; undefined: all addresses. */
  readonly statusAddress: string | undefined;
  readonly statusPort: number;
  readonly metricsPort: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly logFormat: LogFormat;
  /** Last phase to run; undefined: all. */
  readonly until: string | undefined;
  readonly onStop: OnStop;
  /** URL of the Kubernetes API without a path; undefined: as the environment of the pod says, or the kubeconfig. */
  readonly apiServer: string | undefined;
  /** A kubeconfig that the user named. */
  readonly kubeconfig: string | undefined;
  /** Whose connections are steered; undefined: as managed() finds. */
  readonly manage: Manage | undefined;
  readonly installCni: (typeof INSTALL_CNI)[number];
  readonly cniFailure: (typeof CNI_FAILURE)[number];
  /** Folders that the container runtime reads; undefined: the usual ones, of the host where it is mapped. */
  readonly cniConfDir: string | undefined;
  readonly cniBinDir: string | undefined;
  readonly restart: RestartPolicy;
  readonly supervision: SupervisionTimes;
  /** Names of capabilities without which the node must not come up. */
  readonly require: readonly string[];
  /** A bpf.h that the user named. */
  readonly bpfHeader: string | undefined;
  /** A header tree that the user named. */
  readonly kernelHeaders: string | undefined;
  /** Files that the module is signed with; both or none. */
  readonly moduleSigningKey: string | undefined;
  readonly moduleSigningCert: string | undefined;
  /** A kmesh.ko that the user named. */
  readonly module: string | undefined;
  /** A bundle that the user named, or a folder of bundles. */
  readonly bundle: string | undefined;
  /** Release of a kernel that a bundle is made for by its header tree, whatever runs here; only set for the command `bundle`. */
  readonly kernelRelease?: string | undefined;
  /** Words that the agent does not know; kmesh-daemon gets them as they are. */
  readonly daemonArgs: readonly string[];
}

/** Options of `doctor` besides those of a run. */
export interface DoctorOptions {
  readonly json: boolean;
  /** A captured folder that is looked at instead of this host. */
  readonly hostRoot: string | undefined;
  /** Archive to write of what was looked at. */
  readonly capture: string | undefined;
  /** Connect to the control plane, too. */
  readonly connect: boolean;
}

/** Options of `inspect`: inputs that replace those of the running machine. */
export interface InspectOptions {
  readonly json: boolean;
  readonly bpfHeader: string | undefined;
  readonly kernelRelease: string | undefined;
  readonly kernelConfig: string | undefined;
  readonly btf: string | undefined;
}
