// SPDX-License-Identifier: Apache-2.0
/** The generated parts of docs/supervision.md. */
import { RESTART_CAUSE_NAMES, RESTART_CAUSES, TRANSITION_NAMES, TRANSITIONS } from '../../../agent/status/transitions.js';
import { SUPERVISION_OPTION_NAMES, SUPERVISION_OPTIONS, SUPERVISION_TIMES, type SupervisionOption, supervisionText } from '../../../agent/supervisor/times.js';
import type { Event, Outcome } from './scenarios.js';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [`| ${head.join(' | ')} |`, `|${head.map(() => '---|').join('')}`, ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');

const escape = (text: string): string => text.replaceAll('|', '\\|');

function optionRows(): string[][] {
  return SUPERVISION_OPTION_NAMES.map((name) => {
    const option: SupervisionOption = SUPERVISION_OPTIONS[name];
    const value = SUPERVISION_TIMES[option.field];
    const show = (one: number): string => (one === 0 && option.zero !== undefined ? `0 (${option.zero})` : supervisionText(option, one));
    return [`\`--${name}\``, show(value), `${show(option.least)} to ${show(option.most)}${option.zero === undefined ? '' : ', 0'}`, option.describe];
  });
}

/** `450 ms`, `34.1 s`, `1 h`. */
function span(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 600_000) return `${Number((ms / 1000).toFixed(1))} s`;
  return ms % 3_600_000 < 60_000 ? `${Math.floor(ms / 3_600_000)} h` : `${Math.round(ms / 60_000)} min`;
}

const nameOf = ({ line }: Event): string | undefined => line['transition'] as string | undefined;

/** Transitions in order; what comes again and again is told with its number. */
function whatHappens({ events, error }: Outcome): string {
  const names = events.flatMap((event) => nameOf(event) ?? []);
  const shown: string[] = [];
  for (let i = 0; i < names.length; ) {
    const round = roundAt(names, i);
    shown.push(round.times > 1 ? `(${round.names.join(', ')}) x ${round.times}` : names[i]!);
    i += round.times > 1 ? round.times * round.names.length : 1;
  }
  const ended = error === undefined ? [] : [`the agent ends: exit ${error.exitCode}`];
  return [...shown, ...ended].join(', ') || 'nothing';
}

/** The longest sequence that begins at a place and is repeated behind itself. */
function roundAt(names: readonly string[], from: number): { names: readonly string[]; times: number } {
  for (let length = 2; length <= 4; length += 1) {
    const round = names.slice(from, from + length);
    let times = 1;
    while (round.length === length && round.every((name, index) => names[from + times * length + index] === name)) times += 1;
    if (times > 2) return { names: round, times };
  }
  return { names: [], times: 1 };
}

/** When it was noticed and when it was well again. */
function howLong({ events }: Outcome): string {
  const noticed = events.find((event) => ['crashed', 'hung', 'not-ready', 'stopping'].includes(nameOf(event) ?? ''));
  if (noticed === undefined) return '-';
  const loop = events.find((event) => nameOf(event) === 'crash-loop-left');
  const last = loop ?? events.findLast((event) => ['ready', 'stopped'].includes(nameOf(event) ?? ''));
  const end = last === undefined || last.ms < noticed.ms ? '' : nameOf(last) === 'stopped' ? `, ended after ${span(last.ms)}` : loop === undefined ? `, ready after ${span(last.ms)}` : `, node ready after ${span(last.ms)}`;
  return `noticed after ${span(noticed.ms)}${end}`;
}

/** Warnings and errors, and why it is not ready, each kind once. */
function whatIsLogged({ events, error }: Outcome): string {
  const kinds = new Map<string, string>();
  for (const { line } of events.filter((event) => event.line.level >= 40 || nameOf(event) === 'not-ready')) {
    const text = line.msg.replace(/; remedy: .*$/s, '');
    const kind = String(line['transition'] ?? text);
    if (!kinds.has(kind)) kinds.set(kind, text);
  }
  const lines = [...kinds.values(), ...(error === undefined ? [] : [`${error.code}: ${error.detail}`])];
  return lines.map((text) => `\`${escape(text)}\``).join('; ') || 'nothing';
}

/** What stands between the marks of each name. */
export function generatedParts(outcomes: readonly Outcome[]): Readonly<Record<string, string>> {
  return {
    options: table(['option', 'default', 'from, to', 'meaning'], optionRows()),
    transitions: table(['transition', 'when'], TRANSITION_NAMES.map((name) => [`\`${name}\``, TRANSITIONS[name]])),
    causes: table(['cause', 'when'], RESTART_CAUSE_NAMES.map((name) => [`\`${name}\``, RESTART_CAUSES[name]])),
    faults: table(['fault of kmesh-daemon', 'what happens', 'how long', 'what is logged (each kind of line once)'], outcomes.map((outcome) => [escape(outcome.scenario.fault), whatHappens(outcome), howLong(outcome), whatIsLogged(outcome)])),
  };
}

/** The page with its generated parts made anew. */
export function supervisionPage(page: string, outcomes: readonly Outcome[]): string {
  const parts = Object.entries(generatedParts(outcomes));
  return parts.reduce((text, [name, part]) => text.replace(new RegExp(`(<!-- ${name}: made by npm run docs:faults -->\\n)[^]*?(<!-- /${name} -->)`), (_, before: string, after: string) => `${before}${part}\n${after}`), page);
}
