// SPDX-License-Identifier: Apache-2.0

/** A kernel release (`uname -r`) taken apart. */
export interface KernelRelease {
  /** The whole text, as given. */
  readonly release: string;
  readonly major: number;
  readonly minor: number;
  /** 0 where the release has no third number. */
  readonly patch: number;
  /** The last word after a dash if it is not a number: `amd64`, `aws`, `default`; else the empty text. */
  readonly flavour: string;
}

/** utsname fields hold 65 bytes with the NUL (include/uapi/linux/utsname.h, __NEW_UTS_LEN). */
const MAX_LENGTH = 64;

/**
 * The release must also be safe as a file name and inside a command that is shown as a remedy, since
 * paths such as /lib/modules/R are made from it: anything but letters, digits and `. _ + ~ -` is refused.
 */
const RELEASE = /^(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?(?:[-+._~][-+._~A-Za-z0-9]*)?$/;

export function parseRelease(text: string): KernelRelease | undefined {
  const release = text.trim();
  const match = release.length <= MAX_LENGTH ? RELEASE.exec(release) : null;
  if (match === null || release.includes('..')) return undefined;
  const [, major = '', minor = '', patch = '0'] = match;
  const lastWord = release.slice(release.lastIndexOf('-') + 1);
  const flavour = release.includes('-') && !/^\d/.test(lastWord) ? lastWord : '';
  return { release, major: Number(major), minor: Number(minor), patch: Number(patch), flavour };
}

/**
 * Orders dotted versions by their numbers: negative, zero or positive. Missing numbers count as 0 and what
 * follows the numbers (`-rc1`, `+dfsg`) is not looked at.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  const dotted = /^v?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? '';
  return dotted === '' ? [] : dotted.split('.').map(Number);
}
