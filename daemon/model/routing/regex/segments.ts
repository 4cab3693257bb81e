// SPDX-License-Identifier: Apache-2.0
import { bytesOf } from '../texts.js';
import type { Spelling } from '../texts.js';
import type { Piece, Row } from './expand.js';

/** Pieces that follow each other without a gap. */
export interface Segment {
  /** Offsets count bytes from the segment's beginning; what lies between two parts is any byte. */
  readonly parts: readonly { readonly spelling: Spelling; readonly offset: number }[];
  /** In bytes. */
  readonly length: number;
}

/** A row as its segments: one at the text's beginning, one at its end, others in between. */
export interface Segments {
  readonly head: Segment;
  readonly middles: readonly Segment[];
  /** undefined: there is no gap, the head is all. */
  readonly tail: Segment | undefined;
  /** How many bytes each gap has at least. */
  readonly gaps: readonly number[];
  /** Bytes that the text has at least. */
  readonly least: number;
  readonly exact: boolean;
}

/** undefined: no text matches, because something stands before its beginning or behind its end. */
export function segmentsOf({ pieces, exact }: Row, ascii: boolean): Segments | undefined {
  const anchored = withoutAnchors(pieces);
  if (!anchored) return undefined;
  const runs: Exclude<Piece, { kind: 'gap' }>[][] = [[]];
  const gaps: number[] = [];
  for (const piece of widened(anchored, ascii)) {
    if (piece.kind !== 'gap') runs.at(-1)!.push(piece);
    else {
      gaps.push(piece.min);
      runs.push([]);
    }
  }
  const [head, ...rest] = runs.map((run, i) => segmentOf(run, i > 0 && i < runs.length - 1));
  const tail = rest.pop();
  const least = [head!, ...rest, ...(tail ? [tail] : [])].reduce((sum, { length }) => sum + length, gaps.reduce((sum, min) => sum + min, 0));
  // Where a character may be several bytes, only "none or more" and "one or more" can be told in bytes.
  const told = ascii || (anchored.every(({ kind }, i) => kind !== 'one' || touchesGap(anchored, i)) && gaps.every((min) => min <= 1));
  return { head: head!, middles: rest, tail, gaps, least, exact: exact && told };
}

/** What stands before a beginning or behind an end has to be empty. */
function withoutAnchors(pieces: readonly Piece[]): readonly Piece[] | undefined {
  const start = pieces.findLastIndex(({ kind }) => kind === 'start');
  const end = pieces.findIndex(({ kind }) => kind === 'end');
  const outside = [...pieces.slice(0, Math.max(start, 0)), ...(end < 0 ? [] : pieces.slice(end))];
  if (!outside.every(canBeEmpty)) return undefined;
  return end >= 0 && end < start ? [] : pieces.slice(start + 1, end < 0 ? undefined : end);
}

const canBeEmpty = (piece: Piece): boolean => piece.kind === 'start' || piece.kind === 'end' || (piece.kind === 'gap' && piece.min === 0);

/** Gaps take in the single characters beside them, and, where those may be several bytes, become of the others. */
function widened(pieces: readonly Piece[], ascii: boolean): Piece[] {
  const wide: Piece[] = [];
  for (const [i, piece] of pieces.entries()) {
    const min = piece.kind === 'gap' ? piece.min : piece.kind === 'one' && (!ascii || touchesGap(pieces, i)) ? 1 : undefined;
    const last = wide.at(-1);
    if (min === undefined) wide.push(piece);
    else if (last?.kind === 'gap') wide[wide.length - 1] = { kind: 'gap', min: last.min + min };
    else wide.push({ kind: 'gap', min });
  }
  return wide;
}

/** Whether a single character is in a row of them that a gap begins or ends. */
function touchesGap(pieces: readonly Piece[], at: number): boolean {
  const beyond = (step: number): Piece | undefined => {
    let i = at;
    while (pieces[i]?.kind === 'one') i += step;
    return pieces[i];
  };
  return beyond(-1)?.kind === 'gap' || beyond(1)?.kind === 'gap';
}

/** @param whole also where rows part: a segment that has no fixed place is looked for as one. */
function segmentOf(run: readonly Exclude<Piece, { kind: 'gap' }>[], whole: boolean): Segment {
  const parts: { spelling: Spelling; offset: number }[] = [];
  let length = 0;
  let open = false;
  for (const piece of run) {
    const last = parts.at(-1);
    if (piece.kind !== 'text') {
      open = false;
      length += 1;
      continue;
    }
    const { text, ignoreCase } = piece;
    if (open && last && last.spelling.ignoreCase === ignoreCase && (whole || !piece.cut)) parts[parts.length - 1] = { ...last, spelling: { text: last.spelling.text + text, ignoreCase } };
    else parts.push({ spelling: { text, ignoreCase }, offset: length });
    open = true;
    length += bytesOf(piece).length;
  }
  return { parts, length };
}
