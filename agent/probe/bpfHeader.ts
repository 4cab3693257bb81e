// SPDX-License-Identifier: Apache-2.0
import { activeLines, stripComments } from './cText.js';
import { type HelperEntry, MapperSyntaxError, parseMapper } from './helperMapper.js';

/** `FN(name)`: ids by position (until Linux 6.1). `FN(name, id, ##ctx)`: ids in the text (since 6.2). */
export type MapperStyle = 'FN(name)' | 'FN(name, id, ##ctx)';

export interface BpfHeader {
  readonly ok: true;
  /** Name without `bpf_` to id; `unspec` (id 0) is a placeholder and left out. */
  readonly helpers: ReadonlyMap<string, number>;
  readonly style: MapperStyle;
  /** The helper with the highest id. */
  readonly lastHelper: string;
}

export interface BpfHeaderProblem {
  readonly ok: false;
  readonly problem: 'empty' | 'truncated' | 'garbage';
  /** A phrase for the log. */
  readonly detail: string;
}

/** 15 times the header of Linux 6.6. */
const LIMIT_BYTES = 4 * 1024 * 1024;

/** The old name; since 6.2 a wrapper without helpers of its own stands under it. */
const OLD_MAPPER = '__BPF_FUNC_MAPPER';
const NEW_MAPPER = '___BPF_FUNC_MAPPER';

/**
 * Reads the helper functions out of a uapi linux/bpf.h: the entries of its X-macro that make up
 * `enum bpf_func_id` (include/uapi/linux/bpf.h).
 */
export function parseBpfHeader(text: string): BpfHeader | BpfHeaderProblem {
  if (text.trim() === '') return problem('empty', 'there is no text in it');
  if (text.length > LIMIT_BYTES) return problem('garbage', `${text.length} characters, a bpf.h has less than ${LIMIT_BYTES}`);
  if (text.includes('\0')) return problem('garbage', 'it holds NUL bytes and so is no text');

  const source = stripComments(text);
  if (source.openComment) return problem('truncated', 'it ends inside a comment');
  const { lines, openConditionals, stray } = activeLines(source.text);
  if (stray !== undefined) return problem('garbage', `an #${stray} has no #if before it`);
  if (openConditionals > 0) return problem('truncated', 'it ends before the #endif of its include guard');

  const mapper = findMapper(lines, NEW_MAPPER) ?? findMapper(lines, OLD_MAPPER);
  if (mapper === undefined) {
    return problem('garbage', `no ${OLD_MAPPER} in it: not a linux/bpf.h, or one older than Linux 4.10`);
  }
  if (!enumFollows(lines, mapper.line)) return problem('truncated', `enum bpf_func_id does not follow ${mapper.name}`);
  return readMapper(mapper);
}

function problem(kind: BpfHeaderProblem['problem'], detail: string): BpfHeaderProblem {
  return { ok: false, problem: kind, detail };
}

interface Mapper {
  readonly name: string;
  /** Index of the line with its definition. */
  readonly line: number;
  /** The macro's first parameter, by which entries are called. */
  readonly parameter: string;
  readonly body: string;
}

/** The last definition counts, as for a compiler. */
function findMapper(lines: readonly string[], name: string): Mapper | undefined {
  const definition = new RegExp(`^\\s*#\\s*define\\s+${name}\\(\\s*([A-Za-z_]\\w*)\\s*(?:,[^)]*)?\\)(.*)$`, 's');
  const line = lines.findLastIndex((text) => definition.test(text));
  const match = definition.exec(lines[line] ?? '');
  return match === null ? undefined : { name, line, parameter: match[1] ?? '', body: match[2] ?? '' };
}

function enumFollows(lines: readonly string[], mapperLine: number): boolean {
  const rest = lines.slice(mapperLine + 1).join('\n');
  const start = /\benum\s+bpf_func_id\s*\{/.exec(rest);
  return start !== null && rest.slice(start.index).includes('__BPF_FUNC_MAX_ID');
}

function readMapper(mapper: Mapper): BpfHeader | BpfHeaderProblem {
  try {
    return toHeader(parseMapper(mapper.body, mapper.parameter));
  } catch (error) {
    if (error instanceof MapperSyntaxError) return problem('garbage', `${mapper.name}: ${error.message}`);
    throw error;
  }
}

function toHeader(entries: readonly HelperEntry[]): BpfHeader {
  const explicit = entries[0]?.id !== undefined;
  const helpers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const [position, entry] of entries.entries()) {
    if ((entry.id !== undefined) !== explicit) throw new MapperSyntaxError(`${entry.name} is not written like the entries before it`);
    const id = entry.id ?? position;
    if (helpers.has(entry.name)) throw new MapperSyntaxError(`helper ${entry.name} stands in it twice`);
    if (names.has(id)) throw new MapperSyntaxError(`${names.get(id) ?? ''} and ${entry.name} both have the id ${id}`);
    helpers.set(entry.name, id);
    names.set(id, entry.name);
  }
  if (helpers.get('unspec') !== 0) throw new MapperSyntaxError('it does not begin with unspec, so the ids cannot be trusted');
  helpers.delete('unspec');
  if (helpers.size === 0) throw new MapperSyntaxError('there is no helper in it');
  const lastHelper = names.get([...helpers.values()].reduce((a, b) => Math.max(a, b))) ?? '';
  return { ok: true, helpers, style: explicit ? 'FN(name, id, ##ctx)' : 'FN(name)', lastHelper };
}
