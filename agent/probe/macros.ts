// SPDX-License-Identifier: Apache-2.0
import { type Fact, no, unknown, yes } from './fact.js';
import type { KernelFacts } from './facts.js';
import { exactHelperFact, type HelperFacts, helperFact } from './helperFacts.js';
import { HELPER_OF, VENDOR_HELPERS, type VendorHelper } from './helperNames.js';
import { compareVersions } from './release.js';

/** What each macro of kmesh_config.h switches in the C sources, when it is 1. */
export const MACROS = {
  MDA_LOOPBACK_ADDR: 'what tells network namespaces apart (managed pods, loopback)',
  MDA_NAT_ACCEL: 'NAT acceleration through the helper sk_original_addr',
  MDA_GID_UID_FILTER: 'filtering by user and group id through the helper get_sockops_uid_gid',
  OE_23_03: 'what differs in the kernel of openEuler 23.03',
  ITER_TYPE_IS_UBUF: "the module's reading of iov_iter",
  ENHANCED_KERNEL: "the helpers' L7 path instead of the module's own",
  KERNEL_KFUNC: "the module's kfunc mechanism",
  LIBBPF_HIGHER_0_6_0_VERSION: 'what changed in the API of libbpf with 0.6.0',
  KM_HAVE_SET_RETVAL: 'refusing with ECONNREFUSED instead of EPERM',
} as const;

export type MacroName = keyof typeof MACROS;

export const MACRO_NAMES = Object.keys(MACROS) as readonly MacroName[];

export interface Macro {
  /** 1 only when the fact behind it is yes: unknown is 0. */
  readonly value: 0 | 1;
  /** Whether the fact behind it is yes or no. */
  readonly known: boolean;
  readonly evidence: string;
}

export type Macros = Readonly<Record<MacroName, Macro>>;

/**
 * @param libbpfVersion of the library that the daemon loads, for example `1.1.2`; undefined: not known
 * @param iterUbuf `enum iter_type` has ITER_UBUF
 * @param kfunc the kernel has register_btf_kfunc_id_set
 */
export function decideMacros(
  facts: Pick<KernelFacts, 'release'>,
  helpers: HelperFacts,
  libbpfVersion: string | undefined,
  iterUbuf: Fact,
  kfunc: Fact,
): Macros {
  const byHelper = (name: keyof typeof HELPER_OF): Macro => toMacro(helperFact(helpers, HELPER_OF[name]));
  return {
    MDA_LOOPBACK_ADDR: byHelper('MDA_LOOPBACK_ADDR'),
    MDA_NAT_ACCEL: byHelper('MDA_NAT_ACCEL'),
    MDA_GID_UID_FILTER: byHelper('MDA_GID_UID_FILTER'),
    OE_23_03: toMacro(openEuler2303(facts.release)),
    ITER_TYPE_IS_UBUF: toMacro(iterUbuf),
    ENHANCED_KERNEL: byHelper('ENHANCED_KERNEL'),
    KERNEL_KFUNC: toMacro(kfunc),
    LIBBPF_HIGHER_0_6_0_VERSION: toMacro(libbpfAtLeast060(libbpfVersion)),
    // The verifier refuses a program that calls a helper which is not there, and with it all steering; without it only an errno changes.
    KM_HAVE_SET_RETVAL: toMacro(exactHelperFact(helpers, HELPER_OF.KM_HAVE_SET_RETVAL)),
  };
}

function toMacro(fact: Fact): Macro {
  return { value: fact.answer === 'yes' ? 1 : 0, known: fact.answer !== 'unknown', evidence: fact.evidence };
}

/** openEuler writes its version as a word of the release, as in 6.1.19-7.0.0.17.oe2303.x86_64. */
function openEuler2303(release: string): Fact {
  const evidence = `release ${release}`;
  return release.split(/[.-]/).includes('oe2303') ? yes(evidence) : no(`${evidence} has no word oe2303`);
}

function libbpfAtLeast060(version: string | undefined): Fact {
  if (version === undefined || !/^v?\d+\.\d+/.test(version)) return unknown('the version of libbpf is not known');
  const evidence = `libbpf ${version}`;
  return compareVersions(version, '0.6.0') >= 0 ? yes(evidence) : no(`${evidence} is older than 0.6.0`);
}

/** Ids of the vendor helpers that this kernel has. An absent helper has no id: a default would call another helper. */
export function vendorHelperIds(helpers: HelperFacts): ReadonlyMap<string, number> {
  const present = VENDOR_HELPERS.map((name) => [name, helpers.helpers.get(name)] as const);
  return new Map(present.filter((entry): entry is readonly [VendorHelper, number] => entry[1] !== undefined));
}
