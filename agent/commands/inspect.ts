// SPDX-License-Identifier: Apache-2.0
import { moduleSourcesFact } from '../capabilityReport.js';
import type { ErrorCode } from '../errors.js';
import { KmeshError } from '../errors.js';
import { headerPlaces } from '../gather/bpfHeader.js';
import { readFirst } from '../gather/files.js';
import { gatherNode, KERNEL_BTF, MAX_BTF_BYTES, type NodeFiles } from '../gather/kernel.js';
import { readNamedConfig } from '../gather/kernelConfig.js';
import type { InspectOptions } from '../options.js';
import { unknown } from '../probe/fact.js';
import { inspect as decide, type InputFile, type InspectInputs, type InspectReport } from '../probe/inspect.js';
import { ProbeError } from '../probe/probeError.js';
import { formatCapabilityTable } from '../status/capabilityTable.js';
import type { Sys } from '../sys.js';

const MAX_HEADER_BYTES = 4 << 20;

/** Prints what the named inputs, and the running machine for the others, amount to. Changes nothing. */
export async function inspect(sys: Sys, root: string, options: InspectOptions, print: (text: string) => void): Promise<void> {
  const report = decideOrRefuse(await inputs(sys, root, options));
  print(options.json ? JSON.stringify(report, undefined, 2) : describe(report));
}

async function inputs(sys: Sys, root: string, options: InspectOptions): Promise<InspectInputs> {
  const running = options.kernelRelease === undefined || options.kernelRelease === sys.kernelRelease;
  const release = options.kernelRelease ?? sys.kernelRelease;
  const node = await gatherNode(sys, sys.kernelRelease);
  return {
    release,
    architecture: sys.architecture,
    osRelease: node.hostOs,
    // What the running machine shows of itself says nothing about another release.
    ...(running ? { procModules: node.procModules, moduleRules: node.moduleRules, procIfInet6: node.procIfInet6, uioHeader: node.headerTree.uioHeader } : {}),
    libbpfVersion: node.libbpfVersion,
    bpfHeader: await header(sys, root, options),
    btf: await btf(sys, options, running ? node : undefined),
    config: await config(sys, options, running ? node : undefined),
    situation: {
      l4Programs: unknown('not compiled by this command'),
      moduleSources: await moduleSourcesFact(sys, root),
      kernelHeaders: running ? node.headerTree.fact : unknown('headers of another release than the running one are not looked for'),
      headersCode: running ? node.headerTree.problem?.code : undefined,
      moduleGiven: false,
      moduleSigned: false,
      mayLoadModules: unknown('this command loads nothing'),
      module: unknown('kmesh.ko is not compiled or loaded by this command'),
      podPrograms: unknown('nothing that can be seen stands in the way'),
      requestPrograms: unknown('nothing that can be seen stands in the way'),
    },
  };
}

async function header(sys: Sys, root: string, options: InspectOptions): Promise<InputFile<string> | undefined> {
  const path = options.bpfHeader;
  if (path !== undefined) return { path, content: await named(path, () => sys.readText(path, MAX_HEADER_BYTES)), explicit: true };
  const found = await readFirst(sys, headerPlaces(root), MAX_HEADER_BYTES);
  return found === undefined ? undefined : { path: found.path, content: found.text, explicit: false };
}

async function btf(sys: Sys, options: InspectOptions, node: NodeFiles | undefined): Promise<InputFile<Uint8Array> | undefined> {
  const path = options.btf;
  if (path !== undefined) return { path, content: await named(path, () => sys.readBytes(path, MAX_BTF_BYTES)), explicit: true };
  return node?.btf === undefined ? undefined : { path: KERNEL_BTF, content: node.btf, explicit: false };
}

async function config(sys: Sys, options: InspectOptions, node: NodeFiles | undefined): Promise<InputFile<string> | undefined> {
  const path = options.kernelConfig;
  if (path !== undefined) return { path, content: (await named(path, () => readNamedConfig(sys, path))).text, explicit: true };
  return node?.config === undefined ? undefined : { path: node.config.path, content: node.config.text, explicit: false };
}

async function named<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new KmeshError('KM_INPUT_FILE', `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

const HEADER_CODES: Partial<Record<ProbeError['problem'], ErrorCode>> = {
  empty: 'KM_HELPERS_EMPTY',
  truncated: 'KM_HELPERS_TRUNCATED',
  garbage: 'KM_HELPERS_GARBAGE',
};

function decideOrRefuse(given: InspectInputs): InspectReport {
  try {
    return decide(given);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    if (error.subject === 'kernel release') throw new KmeshError('KM_RELEASE', error.message, { cause: error });
    const ofHeader = error.subject === given.bpfHeader?.path ? HEADER_CODES[error.problem] : undefined;
    throw new KmeshError(ofHeader ?? 'KM_INPUT_FILE', error.message, { cause: error });
  }
}

function describe({ kernel, helpers, macros, capabilities }: InspectReport): string {
  const on = Object.entries(macros).map(([name, value]) => `${name}=${value}`);
  return [
    `Linux ${kernel.release} on ${kernel.architecture}, ${kernel.distribution}`,
    `${Object.keys(helpers).length} BPF helpers (${kernel.helperSource})`,
    `macros: ${on.join(' ')}`,
    ...kernel.warnings.map((warning) => `warning: ${warning}`),
    formatCapabilityTable(capabilities),
  ].join('\n');
}
