// SPDX-License-Identifier: Apache-2.0

/** C source after the first translation phases (C11 5.1.1.2, phases 2 and 3). */
export interface CText {
  /** Lines joined at backslashes, each comment replaced by one blank. */
  readonly text: string;
  /** A comment that is still open at the end: the file was cut. */
  readonly openComment: boolean;
}

/** Walks once over the text, so that no input costs more than its length. */
export function stripComments(source: string): CText {
  // gcc and clang accept blanks between the backslash and the end of the line.
  const spliced = source.replace(/\\[ \t]*\r?\n/g, '');
  const parts: string[] = [];
  let kept = 0;
  let at = 0;
  while (at < spliced.length) {
    const char = spliced[at];
    const next = spliced[at + 1];
    if (char === '"' || char === "'") {
      at = literalEnd(spliced, at);
    } else if (char === '/' && (next === '*' || next === '/')) {
      parts.push(spliced.slice(kept, at), ' ');
      at = next === '*' ? blockCommentEnd(spliced, at) : lineEnd(spliced, at);
      if (at === -1) return { text: parts.join(''), openComment: true };
      kept = at;
    } else {
      at += 1;
    }
  }
  parts.push(spliced.slice(kept));
  return { text: parts.join(''), openComment: false };
}

/** Past the closing quote, or at the end of the line for a lone apostrophe as in `#error don't`. */
function literalEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '\n') {
    if (text[at] === text[start]) return at + 1;
    at += text[at] === '\\' ? 2 : 1;
  }
  return Math.min(at, text.length);
}

function blockCommentEnd(text: string, start: number): number {
  const end = text.indexOf('*/', start + 2);
  return end === -1 ? -1 : end + 2;
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end;
}

/** Active lines of a header: what a compiler sees, except that only the condition `0` is decided. */
export interface ActiveLines {
  /** Text without comments, continuations and the groups ruled out by `#if 0`. */
  readonly lines: readonly string[];
  /** Conditional groups that are never closed: the file was cut. */
  readonly openConditionals: number;
  /** `endif`, `else` or `elif` without an `#if` before it: this was never a whole header. */
  readonly stray: string | undefined;
}

/** Drops what `#if 0` rules out; of every other condition both sides are kept. */
export function activeLines(text: string): ActiveLines {
  /** One entry for each open group: whether it is ruled out. */
  const groups: boolean[] = [];
  let ruledOut = 0;
  const leave = (): boolean => {
    if (groups.at(-1) === true) ruledOut -= 1;
    return groups.pop() !== undefined;
  };
  const enter = (out: boolean): void => {
    groups.push(out);
    if (out) ruledOut += 1;
  };
  const lines: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, keyword, condition = ''] = /^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)$/.exec(line) ?? [];
    if (keyword === undefined) {
      if (ruledOut === 0) lines.push(line);
      continue;
    }
    if (keyword.startsWith('e') && !leave()) return { lines, openConditionals: 0, stray: keyword };
    if (keyword !== 'endif') enter(keyword === 'if' && condition.trim() === '0');
  }
  return { lines, openConditionals: groups.length, stray: undefined };
}
