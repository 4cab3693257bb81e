// SPDX-License-Identifier: Apache-2.0

/**
 * Why the kernel did not take a module.
 * format: compiled for another kernel; signature: it must be signed; lockdown: the lockdown of the kernel (secure boot) lets
 * no unsigned one in; symbol: it uses what this kernel does not export; denied: the process may not load modules, or
 * nobody may load this one; exists: one of this name was loaded meanwhile; memory: none left; init: the module's own
 * start failed, or a reason of another kind.
 */
export type Refusal = 'format' | 'signature' | 'lockdown' | 'symbol' | 'denied' | 'exists' | 'memory' | 'init';

/**
 * What the kernel logs when it refuses a module, and what that means. The kernel's own line knows more than the errno:
 * EINVAL is a checksum, a BTF or a start that failed. From kernel/module/{main,version,signing}.c and
 * security/lockdown/lockdown.c, 5.10 to 7.2.
 */
const LOGGED: readonly (readonly [RegExp, Refusal, (words: readonly string[]) => string])[] = [
  [/version magic '([^']*)' should be '([^']*)'/, 'format', ([, module = '', kernel = '']) => differingWords(module, kernel)],
  [/disagrees about version of symbol (\S+)/, 'format', ([, symbol]) => `the checksum of ${symbol} differs: the headers and the running kernel are of different builds`],
  [/no symbol version for (\S+)/, 'format', ([, symbol]) => `the module has no checksum of ${symbol}: its headers lack a whole Module.symvers`],
  [/failed to validate module \S* ?BTF|\bBTF\b.*(?:mismatch|invalid)/i, 'format', () => 'the BTF of the module does not fit that of the kernel'],
  [/exports duplicate symbol (\S+)/, 'format', ([, symbol]) => `another module exports ${symbol} already`],
  [/Unknown symbol (\S+) \(err (-?\d+)\)/, 'symbol', ([, symbol, err]) => `the kernel does not give out ${symbol} (${SYMBOL_ERRORS[err ?? ''] ?? `error ${err}`})`],
  [/uses symbol (\S+) from namespace (\S+), but does not import it/, 'symbol', ([, symbol, space]) => `${symbol} is in the namespace ${space?.replace(/,$/, '')}, which the module does not import`],
  [/Lockdown: .*(?:unsigned module loading|module)/i, 'lockdown', () => 'the kernel is locked down (secure boot, or lockdown= on its command line)'],
  [/Loading of (unsigned module|module with unsupported crypto|module with unavailable key) is rejected/, 'signature', ([, what]) => `${what}: the kernel enforces signatures`],
  [/PKCS#7 signature not signed with a trusted key/, 'signature', () => "the certificate of the signature is in none of the kernel's trusted keyrings"],
  [/\bis blacklisted\b/, 'denied', () => 'module_blacklist= on the command line of the kernel names it'],
];

const SYMBOL_ERRORS: Readonly<Record<string, string>> = { '-2': 'it is not exported', '-22': 'its checksum or namespace differs', '-16': 'its module is being removed' };

/** What insmod prints for the error of finit_module(2): kmod's own words or the C library's; busybox writes them small. */
const SAID_BY_INSMOD: readonly (readonly [RegExp, Refusal])[] = [
  [/invalid module format|exec format error|wrong symbol version|accessing a corrupted shared library/i, 'format'],
  [/required key not available|key was rejected|key has (expired|been revoked)|bad message|package not installed|no data available/i, 'signature'],
  [/unknown symbol/i, 'symbol'],
  [/file exists/i, 'exists'],
  [/cannot allocate memory|out of memory/i, 'memory'],
  [/permission denied|operation not permitted|function not implemented/i, 'denied'],
];

/**
 * @param said lines of insmod
 * @param logged what the kernel logged meanwhile; empty where that may not be read
 */
export function refusalOf(said: readonly string[], logged: readonly string[]): Refusal {
  const bySaid = SAID_BY_INSMOD.find(([pattern]) => said.some((line) => pattern.test(line)))?.[1] ?? 'init';
  // Another module's line may be among them: what happened is never contradicted, only said better.
  if (bySaid === 'exists' || bySaid === 'memory') return bySaid;
  return LOGGED.find(([pattern, refusal]) => FITS[bySaid].includes(refusal) && logged.some((line) => pattern.test(line)))?.[1] ?? bySaid;
}

/** What the kernel's line may make of what insmod said: EPERM of a signature, EINVAL of a checksum. */
const FITS: Readonly<Record<Refusal, readonly Refusal[]>> = {
  denied: ['lockdown', 'signature', 'denied'],
  init: ['format', 'symbol'],
  symbol: ['format', 'symbol'],
  format: ['format', 'symbol'],
  signature: ['signature', 'lockdown'],
  lockdown: [],
  exists: [],
  memory: [],
};

/** The kernel's lines about a refusal in words of a user, each once; empty where none is known. */
export function explanationsOf(logged: readonly string[]): readonly string[] {
  const found = logged.flatMap((line) => LOGGED.flatMap(([pattern, , say]) => (pattern.exec(line) === null ? [] : [say(pattern.exec(line) ?? [])])));
  return [...new Set(found)];
}

/**
 * What differs between two vermagic texts (VERMAGIC_STRING, include/linux/vermagic.h).
 *
 * @param module of the module that was refused
 * @param kernel of the running kernel
 */
export function differingWords(module: string, kernel: string): string {
  const [ours, theirs] = [module.trim().split(/\s+/), kernel.trim().split(/\s+/)];
  const release = ours[0] === theirs[0] ? [] : [`the module is for ${ours[0]}, the kernel is ${theirs[0]}`];
  const only = (of: readonly string[], other: readonly string[]): readonly string[] => of.slice(1).filter((word) => !other.includes(word));
  const lists = [['only the module has', only(ours, theirs)], ['only the kernel has', only(theirs, ours)]] as const;
  return [...release, ...lists.filter(([, words]) => words.length > 0).map(([what, words]) => `${what} ${words.join(' ')}`)].join('; ');
}

/** Whether rmmod failed for a reason that passes: EAGAIN and EBUSY while references are given up, or kmod's own check of them. */
export function passesByItself(said: readonly string[]): boolean {
  return said.some((line) => /in use|resource temporarily unavailable|resource busy|would block/i.test(line));
}
