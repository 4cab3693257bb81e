// SPDX-License-Identifier: Apache-2.0
import { wrap } from './wrap.js';

/** One line of the report of `doctor`. */
export interface CheckLine {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly evidence: string;
  readonly remedy: string;
}

const LABEL = { error: 'ERROR', warning: 'WARN', ok: 'ok' } as const;
const LABEL_WIDTH = 7;

/**
 * The checks for people: a line of sums, then what is wrong with what to do, the worst first; what is fine comes last with
 * its evidence cut to one line each (`--json` has it whole).
 * @param width columns that a line may take
 */
export function formatCheckTable(checks: readonly CheckLine[], width = 120): string {
  const nameWidth = Math.max(0, ...checks.map(({ name }) => name.length)) + 2;
  const of = (status: CheckLine['status']): readonly CheckLine[] => checks.filter((check) => check.status === status);
  const rows = [...of('error'), ...of('warning')].flatMap((check) => wrong(check, nameWidth, width));
  const fine = of('ok').map(({ name, evidence }) => cut(`${LABEL.ok.padEnd(LABEL_WIDTH)}${name.padEnd(nameWidth)}${evidence}`, width));
  return [summary(of('error').length, of('warning').length, of('ok').length), ...rows, ...fine].join('\n');
}

function summary(errors: number, warnings: number, fine: number): string {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  const verdict = errors > 0 ? 'the agent cannot start on this node as it is' : warnings > 0 ? 'the agent can start; read the warnings' : 'nothing stands in the way of the agent';
  return `${verdict}: ${count(errors, 'error')}, ${count(warnings, 'warning')}, ${fine} ok`;
}

function wrong({ name, status, evidence, remedy }: CheckLine, nameWidth: number, width: number): string[] {
  const indent = ' '.repeat(LABEL_WIDTH + nameWidth);
  const room = width - indent.length;
  const lines = [...wrap(evidence, room), ...(remedy === '' ? [] : wrap(`-> ${remedy}`, room))];
  return lines.map((line, i) => (i === 0 ? `${LABEL[status].padEnd(LABEL_WIDTH)}${name.padEnd(nameWidth)}${line}` : `${indent}${line}`));
}

const cut = (line: string, width: number): string => (line.length > width ? `${line.slice(0, width - 3)}...` : line);
