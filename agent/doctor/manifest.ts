// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';
import { MAX_OUTPUT_CHARS } from '../exec.js';
import { CNI_FAILURE, INSTALL_CNI, MANAGE } from '../options.js';

/** Beside the files in a captured folder: what no file tells. */
export const MANIFEST = 'kmesh-capture.json';

const text = z.string().max(1 << 16);
const pathText = z.string().startsWith('/').max(4096);

export const commandAnswer = z.object({
  stdout: z.string().max(MAX_OUTPUT_CHARS),
  tail: z.array(text).max(100),
  failure: z.object({ reason: text, command: text, code: z.number().optional(), signal: z.string().optional(), errno: z.string().max(40).optional(), timedOut: z.boolean() }).optional(),
});

export const manifest = z.object({
  version: z.literal(1),
  kernelRelease: text,
  architecture: text,
  cpus: z.number().int().positive(),
  effectiveUid: z.number().int(),
  pid: z.number().int(),
  /** Install folder of the agent. */
  root: pathText,
  /** Options that the verdict depends on. */
  options: z.object({
    stateDir: pathText,
    cgroup2Path: pathText,
    attachCgroup: text.optional(),
    bpfFsPath: pathText,
    bpfHeader: pathText.optional(),
    kernelHeaders: pathText.optional(),
    module: pathText.optional(),
    moduleSigningKey: pathText.optional(),
    moduleSigningCert: pathText.optional(),
    statusAddress: text.optional(),
    statusPort: z.number().int(),
    metricsPort: z.number().int(),
    bundle: pathText.optional(),
    // Captures of earlier versions have none of these.
    manage: z.enum(MANAGE).optional(),
    installCni: z.enum(INSTALL_CNI).default('auto'),
    cniFailure: z.enum(CNI_FAILURE).default('allow'),
    cniConfDir: pathText.optional(),
    cniBinDir: pathText.optional(),
    kubeconfig: pathText.optional(),
    require: z.array(text).max(50),
    daemonArgs: z.array(text).max(200),
  }),
  /** CAPTURED_ENV and nothing else. */
  env: z.record(z.string(), z.string()),
  stats: z.record(z.string(), z.object({ kind: z.enum(['file', 'directory', 'other']), size: z.number(), modifiedMs: z.number(), mode: z.number().optional(), owner: z.number().optional() })),
  digests: z.record(z.string(), z.string().max(128)),
  writeObstacles: z.record(z.string(), z.string().nullable()),
  freeBytes: z.record(z.string(), z.number()),
  /** Looks that failed otherwise than by absence, by their name and path: `list /root`. */
  errors: z.record(z.string(), z.object({ code: z.string().max(40), message: text })),
  commands: z.record(z.string(), commandAnswer),
  http: z.record(z.string(), z.object({ status: z.number(), body: text }).nullable()),
  /** Files whose contents were left out: they may hold secrets, or are too large. */
  withheld: z.array(text).max(10_000),
});

export type Manifest = z.infer<typeof manifest>;
export type CommandAnswer = z.infer<typeof commandAnswer>;

/** Environment variables that the checks read themselves; no other is captured. */
export const CAPTURED_ENV = ['KERNELDIR', 'PATH'] as const;

/** How a command is known in a manifest; the path of node differs between hosts. */
export const commandKey = (file: string, args: readonly string[]): string => JSON.stringify([file === process.execPath ? 'node' : file, ...args]);
