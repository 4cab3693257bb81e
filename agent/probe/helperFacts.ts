// SPDX-License-Identifier: Apache-2.0
import { type Fact, no, unknown, yes } from './fact.js';
import { HELPERS_THAT_MATTER } from './helperNames.js';

/** A helper that the mapped header and the running kernel tell differently. undefined: absent there. */
export interface HelperDisagreement {
  readonly name: string;
  readonly header: number | undefined;
  readonly btf: number | undefined;
}

/** Which helpers the kernel has: name without `bpf_` to id, without `unspec`. */
export interface HelperFacts {
  readonly helpers: ReadonlyMap<string, number>;
  /** Who answered; `none`: nobody could, and `helpers` is empty. */
  readonly source: 'btf' | 'header' | 'none';
  /** The header that was read, also when the BTF answered. */
  readonly header?: { readonly path: string; readonly count: number };
  readonly disagreements: readonly HelperDisagreement[];
  /** One sentence each, for the log. */
  readonly warnings: readonly string[];
}

/** The fact "the kernel has helper `name`", with the source as evidence. */
export function helperFact(helpers: HelperFacts, name: string): Fact {
  const where = helpers.source === 'btf' ? "the running kernel's BTF" : (helpers.header?.path ?? 'the header');
  if (helpers.source === 'none') return unknown(`helper ${name}: neither BTF nor a header was readable`);
  const id = helpers.helpers.get(name);
  return id === undefined ? no(`helper ${name} is not in ${where}`) : yes(`helper ${name} has id ${id} in ${where}`);
}

/** Helpers that a header on the disk tells. */
export interface HeaderHelpers {
  readonly path: string;
  readonly helpers: ReadonlyMap<string, number>;
}

/** Names in a warning; the whole list is in `disagreements`. */
const NAMED_FIRST = 5;

/**
 * One truth out of two sources: what runs (BTF) beats what lies on the disk (header), since the header
 * belongs to a package. Both may be missing.
 * @param btf from btfHelpers; undefined: the kernel tells nothing
 * @param warnings what reading the two already complained about
 */
export function mergeHelpers(
  header: HeaderHelpers | undefined,
  btf: ReadonlyMap<string, number> | undefined,
  warnings: readonly string[] = [],
): HelperFacts {
  const mapped = header === undefined ? {} : { header: { path: header.path, count: header.helpers.size } };
  if (btf !== undefined && header !== undefined) {
    const disagreements = compare(header.helpers, btf);
    const all = [...warnings, ...disagreementWarnings(header, btf, disagreements)];
    return { helpers: btf, source: 'btf', ...mapped, disagreements, warnings: all };
  }
  const helpers = btf ?? header?.helpers;
  const source = btf !== undefined ? 'btf' : header !== undefined ? 'header' : 'none';
  return { helpers: helpers ?? new Map(), source, ...mapped, disagreements: [], warnings };
}

function compare(header: ReadonlyMap<string, number>, btf: ReadonlyMap<string, number>): HelperDisagreement[] {
  const names = new Set([...header.keys(), ...btf.keys()]);
  return [...names]
    .map((name) => ({ name, header: header.get(name), btf: btf.get(name) }))
    .filter((helper) => helper.header !== helper.btf);
}

/**
 * A header that is older or newer than the kernel is normal and costs one line. A helper with two ids is
 * not: one of the two is another vendor's, and a program compiled with that header would call the wrong one.
 */
function disagreementWarnings(
  header: HeaderHelpers,
  btf: ReadonlyMap<string, number>,
  disagreements: readonly HelperDisagreement[],
): string[] {
  const onlyHeader = disagreements.filter((helper) => helper.btf === undefined).map((helper) => helper.name);
  const onlyBtf = disagreements.filter((helper) => helper.header === undefined).map((helper) => helper.name);
  const moved = disagreements.filter((helper) => helper.header !== undefined && helper.btf !== undefined);
  const warnings: string[] = [];
  if (onlyHeader.length + onlyBtf.length > 0) {
    const parts = [only('only in the header', onlyHeader), only('only in the kernel', onlyBtf)].filter((part) => part !== '');
    warnings.push(
      `${header.path} has ${header.helpers.size} helpers, the running kernel's BTF has ${btf.size}: ${parts.join('; ')}; the kernel's BTF is used`,
    );
  }
  if (moved.length > 0) {
    const list = moved.map((helper) => `${helper.name} (${helper.header} in the header, ${helper.btf} in the kernel)`);
    warnings.push(`${header.path} gives other ids than the running kernel's BTF: ${shorten(list)}; the kernel's ids are used`);
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
