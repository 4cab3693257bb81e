// SPDX-License-Identifier: Apache-2.0

/** Where a value of a JSON text lies: from its first character to behind its last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const blankAt = (text: string, at: number): boolean => ' \t\n\r'.includes(text[at] ?? '.');

function skipBlanks(text: string, at: number): number {
  while (blankAt(text, at)) at += 1;
  return at;
}

/** Behind the string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  for (at += 1; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
  return at + 1;
}

/** Behind the value that begins at `at`. */
function valueEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at);
  if (text[at] !== '{' && text[at] !== '[') {
    while (at < text.length && !',]}'.includes(text[at] ?? '') && !blankAt(text, at)) at += 1;
    return at;
  }
  for (let depth = 0; ; at += 1) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === '{' || char === '[') depth += 1;
    else if ((char === '}' || char === ']') && (depth -= 1) === 0) return at + 1;
  }
}

/** Steps through the parts of an object or array that begins at `at`; `part` gets the start of each and returns its end. */
function parts(text: string, at: number, part: (start: number) => number): void {
  for (at = skipBlanks(text, at + 1); text[at] !== '}' && text[at] !== ']'; ) {
    at = skipBlanks(text, part(at));
    if (text[at] === ',') at = skipBlanks(text, at + 1);
  }
}

/** Where the values are of a member of the outermost object of a JSON text; more than one: the member is there again. */
export function memberSpans(text: string, member: string): readonly Span[] {
  const found: Span[] = [];
  const start = skipBlanks(text, 0);
  if (text[start] !== '{') return [];
  parts(text, start, (name) => {
    const nameEnd = stringEnd(text, name);
    const from = skipBlanks(text, skipBlanks(text, nameEnd) + 1);
    const to = valueEnd(text, from);
    if (JSON.parse(text.slice(name, nameEnd)) === member) found.push({ from, to });
    return to;
  });
  return found;
}

/**
 * Where the elements of an array are that is a member of the outermost object. Every other byte of the text can then be left as it is.
 *
 * @param text JSON that JSON.parse takes
 * @returns undefined: there is not exactly one such member, or it is no array
 */
export function elementSpans(text: string, member: string): readonly Span[] | undefined {
  const [only, another] = memberSpans(text, member);
  if (only === undefined || another !== undefined || text[only.from] !== '[') return undefined;
  const spans: Span[] = [];
  parts(text, only.from, (from) => {
    const to = valueEnd(text, from);
    spans.push({ from, to });
    return to;
  });
  return spans;
}
