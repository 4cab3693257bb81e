// SPDX-License-Identifier: Apache-2.0
import { type Btf, btfHelpers, parseBtf } from './btf.js';
import { type BpfHeader, parseBpfHeader } from './bpfHeader.js';
import { type Capability, type Situation, decideCapabilities } from './capabilities.js';
import type { Fact } from './fact.js';
import { type HelperFacts, KERNEL_BTF_TITLE, mergeHelpers } from './helperFacts.js';
import { type KernelSources, kernelFacts } from './kernelFacts.js';
import { parseKconfig } from './kconfig.js';
import { MACRO_NAMES, type MacroName, type Macros, decideMacros } from './macros.js';
import { ProbeError, quote } from './probeError.js';
import { parseRelease } from './release.js';

/** A file that was read. */
export interface InputFile<Content> {
  readonly path: string;
  readonly content: Content;
  /** Named on the command line: then a bad one is an error, not a warning. */
  readonly explicit: boolean;
}

/** What `inspect` was given, with the running node's own files for what was not given. */
export interface InspectInputs extends Pick<KernelSources, 'release' | 'architecture' | 'osRelease' | 'uioHeader' | 'procModules' | 'moduleRules' | 'procIfInet6'> {
  readonly bpfHeader?: InputFile<string> | undefined;
  readonly btf?: InputFile<Uint8Array> | undefined;
  /** Already unpacked. */
  readonly config?: InputFile<string> | undefined;
  readonly libbpfVersion?: string | undefined;
  readonly situation: Situation;
}

/** What `inspect --json` prints. */
export interface InspectReport {
  readonly kernel: {
    readonly release: string;
    readonly architecture: string;
    readonly distribution: string;
    readonly config: string | null;
    readonly facts: Readonly<Record<'moduleSupport' | 'kprobes' | 'btf' | 'bpfSyscall' | 'cgroupBpf' | 'ipv6', Fact>>;
    readonly helperSource: HelperFacts['source'];
    readonly warnings: readonly string[];
  };
  readonly helpers: Readonly<Record<string, number>>;
  readonly macros: Readonly<Record<MacroName, 0 | 1>>;
  readonly capabilities: readonly Capability[];
}

/**
 * Answers about the kernel that the inputs describe, which need not be the running one.
 * @throws ProbeError for a bad release, and for a bad file that was named explicitly
 */
export function inspect(inputs: InspectInputs): InspectReport {
  if (parseRelease(inputs.release) === undefined) {
    throw new ProbeError('kernel release', 'garbage', `${quote(inputs.release)} does not look like the output of uname -r`);
  }
  const warnings: string[] = [];
  const header = tolerate(inputs.bpfHeader, readHeader, warnings);
  const btf = tolerate(btfInput(inputs), readBtf, warnings);
  const config = tolerate(inputs.config, readConfig, warnings);
  const facts = kernelFacts({ ...inputs, btf, config });
  const ofKernel = btf === undefined ? undefined : btfHelpers(btf.btf);
  const named = header === undefined ? undefined : { ...header, named: inputs.bpfHeader?.explicit === true };
  const helpers = mergeHelpers(named, ofKernel === undefined ? undefined : { source: 'btf', name: KERNEL_BTF_TITLE, helpers: ofKernel }, warnings);
  const macros = decideMacros(facts, helpers, inputs.libbpfVersion, facts.iterUbuf, facts.kfunc);
  const { moduleSupport, kprobes, bpfSyscall, cgroupBpf, ipv6 } = facts;
  return {
    kernel: {
      release: facts.release,
      architecture: facts.architecture,
      distribution: facts.distributionName,
      config: facts.configSource ?? null,
      facts: { moduleSupport, kprobes, btf: facts.btf, bpfSyscall, cgroupBpf, ipv6 },
      helperSource: helpers.source,
      warnings: helpers.warnings,
    },
    helpers: Object.fromEntries(helpers.helpers),
    macros: macroValues(macros),
    capabilities: decideCapabilities(facts, helpers, macros, inputs.situation),
  };
}

/** Who names a header asks about that header: the running kernel's BTF must not answer in its place. */
function btfInput(inputs: InspectInputs): InputFile<Uint8Array> | undefined {
  const headerAlone = inputs.bpfHeader?.explicit === true && inputs.btf?.explicit !== true;
  return headerAlone ? undefined : inputs.btf;
}

/** Reads a file if there is one; a bad one that nobody asked for becomes a warning. */
function tolerate<Content, Result>(
  input: InputFile<Content> | undefined,
  read: (path: string, content: Content) => Result,
  warnings: string[],
): Result | undefined {
  if (input === undefined) return undefined;
  try {
    return read(input.path, input.content);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    const named = error.subject === input.path ? error : new ProbeError(input.path, error.problem, error.message);
    if (input.explicit) throw named;
    warnings.push(named.message);
    return undefined;
  }
}

function readHeader(path: string, text: string): BpfHeader & { path: string } {
  const header = parseBpfHeader(text);
  if (!header.ok) throw new ProbeError(path, header.problem, `the header is ${header.problem}: ${header.detail}`);
  return { ...header, path };
}

function readBtf(path: string, bytes: Uint8Array): { path: string; btf: Btf } {
  return { path, btf: parseBtf(bytes) };
}

function readConfig(path: string, text: string): { path: string; options: ReadonlyMap<string, string> } {
  const options = parseKconfig(text);
  if (options.size === 0) throw new ProbeError(path, 'garbage', 'there is no CONFIG_ line in it: not a kernel configuration');
  return { path, options };
}

function macroValues(macros: Macros): Record<MacroName, 0 | 1> {
  return Object.fromEntries(MACRO_NAMES.map((name) => [name, macros[name].value])) as Record<MacroName, 0 | 1>;
}
