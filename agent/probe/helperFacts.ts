// SPDX-License-Identifier: Apache-2.0
import { type Fact, no, unknown, yes } from './fact.js';
import { HELPERS_THAT_MATTER } from './helperNames.js';

/** A helper that the mapped header and the kernel itself tell differently. undefined: absent there. */
export interface HelperDisagreement {
  readonly name: string;
  readonly header: number | undefined;
  readonly kernel: number | undefined;
}

/**
 * What tells the helpers of exactly this kernel: its own types, or, where it has none, the header in the tree that it was built
 * from. `name` is for people.
 */
export interface KernelHelpers {
  readonly source: 'btf' | 'tree';
  readonly name: string;
  readonly helpers: ReadonlyMap<string, number>;
}

/** What the kernel's own types are called in sentences. */
export const KERNEL_BTF_TITLE = "the running kernel's BTF";

/** Which helpers the kernel has: name without `bpf_` to id, without `unspec`. */
export interface HelperFacts {
  readonly helpers: ReadonlyMap<string, number>;
  /** Who answered; `none`: nobody could, and `helpers` is empty. */
  readonly source: KernelHelpers['source'] | 'header' | 'none';
  /** Where the answer is from, for people. */
  readonly from: string;
  /** Whether the answer is about this very kernel, and not about the one that some package's header was made from. */
  readonly exact: boolean;
  /** The header that was read, also when the kernel itself answered. */
  readonly header?: { readonly path: string; readonly count: number };
  readonly disagreements: readonly HelperDisagreement[];
  /** One sentence each, for the log. */
  readonly warnings: readonly string[];
}

/** The fact "the kernel has helper `name`", with the source as evidence. */
export function helperFact(helpers: HelperFacts, name: string): Fact {
  if (helpers.source === 'none') return unknown(`helper ${name}: neither BTF nor a header was readable`);
  const id = helpers.helpers.get(name);
  return id === undefined ? no(`helper ${name} is not in ${helpers.from}`) : yes(`helper ${name} has id ${id} in ${helpers.from}`);
}

/**
 * The same fact where a wrong yes is worse than a wrong no: for a call that would have the kernel refuse the whole program. What a
 * package's header names is then not known: on many a node it is newer than the kernel that runs.
 */
export function exactHelperFact(helpers: HelperFacts, name: string): Fact {
  const fact = helperFact(helpers, name);
  return fact.answer !== 'yes' || helpers.exact ? fact : unknown(`${fact.evidence}, which need not be of this kernel, and the kernel has no BTF to ask`);
}

/** Helpers that a header on the disk tells. */
export interface HeaderHelpers {
  readonly path: string;
  readonly helpers: ReadonlyMap<string, number>;
  /** The operator named it as the one of this kernel. */
  readonly named?: boolean;
}

/** Names in a warning; the whole list is in `disagreements`. */
const NAMED_FIRST = 5;

/**
 * One truth out of two sources: what the kernel itself tells beats what lies on the disk (header), since the header belongs to
 * a package. Both may be missing.
 * @param warnings what reading the two already complained about
 */
export function mergeHelpers(header: HeaderHelpers | undefined, kernel: KernelHelpers | undefined, warnings: readonly string[] = []): HelperFacts {
  const mapped = header === undefined ? {} : { header: { path: header.path, count: header.helpers.size } };
  if (kernel !== undefined) {
    const { source, name, helpers } = kernel;
    const disagreements = header === undefined ? [] : compare(header.helpers, helpers);
    const told = header === undefined ? [] : disagreementWarnings(header, kernel, disagreements);
    return { helpers, source, from: name, exact: true, ...mapped, disagreements, warnings: [...warnings, ...told] };
  }
  const alone = { disagreements: [], warnings };
  if (header === undefined) return { helpers: new Map(), source: 'none', from: 'nowhere', exact: false, ...alone };
  return { helpers: header.helpers, source: 'header', from: header.path, exact: header.named === true, ...mapped, ...alone };
}

function compare(header: ReadonlyMap<string, number>, kernel: ReadonlyMap<string, number>): HelperDisagreement[] {
  const names = new Set([...header.keys(), ...kernel.keys()]);
  return [...names].map((name) => ({ name, header: header.get(name), kernel: kernel.get(name) })).filter((helper) => helper.header !== helper.kernel);
}

/**
 * A header that is older or newer than the kernel is normal and costs one line. A helper with two ids is
 * not: one of the two is another vendor's, and a program compiled with that header would call the wrong one.
 */
function disagreementWarnings(header: HeaderHelpers, kernel: KernelHelpers, disagreements: readonly HelperDisagreement[]): string[] {
  const onlyHeader = disagreements.filter((helper) => helper.kernel === undefined).map((helper) => helper.name);
  const onlyKernel = disagreements.filter((helper) => helper.header === undefined).map((helper) => helper.name);
  const moved = disagreements.filter((helper) => helper.header !== undefined && helper.kernel !== undefined);
  const warnings: string[] = [];
  if (onlyHeader.length + onlyKernel.length > 0) {
    const parts = [only('only in the header', onlyHeader), only('only in the kernel', onlyKernel)].filter((part) => part !== '');
    warnings.push(`${header.path} has ${header.helpers.size} helpers, ${kernel.name} has ${kernel.helpers.size}: ${parts.join('; ')}; the kernel's are used`);
  }
  if (moved.length > 0) {
    const list = moved.map((helper) => `${helper.name} (${helper.header} in the header, ${helper.kernel} in the kernel)`);
    warnings.push(`${header.path} gives other ids than ${kernel.name}: ${shorten(list)}; the kernel's ids are used`);
  }
  return warnings;
}

function only(where: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const mattering = names.filter((name) => HELPERS_THAT_MATTER.includes(name));
  const others = names.filter((name) => !mattering.includes(name));
  return `${names.length} ${where} (${shorten([...mattering, ...others], mattering.length + NAMED_FIRST)})`;
}

function shorten(list: readonly string[], keep = NAMED_FIRST): string {
  const rest = list.length - keep;
  return rest > 0 ? `${list.slice(0, keep).join(', ')} and ${rest} more` : list.join(', ');
}
