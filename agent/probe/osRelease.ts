// SPDX-License-Identifier: Apache-2.0
import { boundText } from './probeError.js';

/** The fields of os-release(5) that tell distributions apart. */
export interface OsRelease {
  /** Lower case; `linux` where the file does not say. */
  readonly id: string;
  /** Closest relative first. */
  readonly idLike: readonly string[];
  readonly name: string;
  /** Empty for rolling releases. */
  readonly versionId: string;
  readonly prettyName: string;
}

const LIMIT_KIB = 64;

/**
 * Reads os-release(5). Lines that are not an assignment are skipped, as the manual page asks of parsers; of a
 * name that is assigned twice, the last one counts, as in the shell.
 * @throws ProbeError when the text is larger than 64 KiB.
 */
export function parseOsRelease(text: string): OsRelease {
  boundText('os-release', text, LIMIT_KIB);
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const assignment = /^\s*([A-Z][A-Z0-9_]*)=(.*)$/s.exec(line);
    const value = assignment === null ? undefined : unquote((assignment[2] ?? '').trim());
    if (value !== undefined) fields.set(assignment?.[1] ?? '', value);
  }
  const name = fields.get('NAME') ?? 'Linux';
  return {
    id: (fields.get('ID') ?? 'linux').toLowerCase(),
    idLike: (fields.get('ID_LIKE') ?? '').toLowerCase().split(/\s+/).filter((word) => word !== ''),
    name,
    versionId: fields.get('VERSION_ID') ?? '',
    prettyName: fields.get('PRETTY_NAME') ?? name,
  };
}

/**
 * The value of one shell-style word: bare, in single or in double quotes, or several of these in a row.
 * undefined when it is not one word (open quote, blank outside quotes) or holds a control character.
 */
function unquote(word: string): string | undefined {
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(word)) return undefined;
  let value = '';
  let quoting: '"' | "'" | undefined;
  for (let i = 0; i < word.length; i += 1) {
    const char = word[i] ?? '';
    if (char === quoting) quoting = undefined;
    else if (quoting === undefined && (char === '"' || char === "'")) quoting = char;
    else if (quoting === undefined && /\s/.test(char)) return undefined;
    else if (char === '\\' && quoting !== "'") {
      const next = word[i + 1];
      if (next === undefined) return undefined;
      // Inside double quotes a backslash only takes the meaning from these four (POSIX shell, section 2.2.3).
      value += quoting === '"' && !'$`"\\'.includes(next) ? `\\${next}` : next;
      i += 1;
    } else value += char;
  }
  return quoting === undefined ? value : undefined;
}
