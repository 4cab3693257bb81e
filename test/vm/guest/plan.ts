// SPDX-License-Identifier: Apache-2.0
/** Serial number of the disk that outlives its machine. */
export const KEPT_DISK = 'kept';

/** What the host tells the guest, as /kmesh/plan.json. */
export interface Plan {
  readonly kernel: string;
  /** File names in /kmesh/guest/scenarios, without their ending. */
  readonly scenarios: readonly string[];
  readonly defaultLimitSeconds: number;
  /** How many times slower this kernel is than the others. */
  readonly slowness: number;
  /** Counts the boots of scenarios that keep a disk, from 1. */
  readonly boot: number;
  /** Files of modules that were built outside, by name. */
  readonly modules: Readonly<Record<string, string>>;
}

export type ImageName = 'compat' | 'prebuilt';

/** The container images that a guest has as disks, as /kmesh/files/images.json, with what kmesh.yaml says of their container. */
export interface GuestImages {
  readonly images: Readonly<Partial<Record<ImageName, { readonly entrypoint: readonly string[]; readonly workingDir: string; readonly env: readonly string[] }>>>;
  readonly container: {
    readonly args: readonly string[];
    readonly env: readonly ({ readonly name: string; readonly value: string } | { readonly name: string; readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } } })[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly mountPropagation?: string | undefined; readonly readOnly?: boolean | undefined }[];
    readonly resources: { readonly limits: { readonly memory: string } };
  };
  readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } | undefined }[];
  readonly graceSeconds: number;
  /** `uname -r` of the kernel that the prebuilt image is for. */
  readonly prebuiltRelease: string;
}
