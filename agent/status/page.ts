// SPDX-License-Identifier: Apache-2.0
import { podsLine } from './pods.js';
import type { StatusView } from './statusView.js';
import { RESTART_CAUSE_NAMES } from './transitions.js';

/** Seconds between two loads of the page by the browser itself. */
const REFRESH_SECONDS = 5;

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; }
th { font-weight: 600; } td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child, .state { white-space: nowrap; } .state { font-weight: 600; }
.good { color: #1a7f37; } .bad { color: #cf222e; } .idle { color: #767676; }
@media (prefers-color-scheme: dark) { .good { color: #3fb950; } .bad { color: #ff7b72; } .idle { color: #9198a1; } }
small, .remedy { color: #767676; } pre { overflow-x: auto; background: #8882; padding: .6rem; }
`;

/** Whole page for people: no script, nothing from elsewhere. */
export function statusPage(status: StatusView): string {
  const { node, ready, daemon } = status;
  const body = [
    `<h1>Kmesh on ${escape(node.name ?? 'this node')}: <span class="${ready.ready ? 'good' : 'bad'}">${ready.ready ? 'ready' : 'not ready'}</span></h1>`,
    `<p><small>agent ${escape(status.version)}, Linux ${escape(node.release)} on ${escape(node.architecture)}${node.distribution === undefined ? '' : `, ${escape(node.distribution)}`}, up ${status.uptimeSeconds} s</small></p>`,
    ...(ready.reason === undefined ? [] : [`<p>${escape(ready.code === undefined ? ready.reason : `${ready.code}: ${ready.reason}`)}</p>`]),
    ...(ready.stale ? ['<p>The configuration in force is that of an earlier daemon; the control plane has not answered completely since.</p>'] : []),
    ...(status.error === undefined ? [] : [`<p class="bad">${escape(status.error.code)}: ${escape(status.error.detail)}</p><p class="remedy">${escape(status.error.remedy)}</p>`]),
    '<h2>What this node can do</h2>',
    status.capabilities.length === 0 ? '<p class="idle">not decided yet</p>' : table(['capability', 'state', 'why'], status.capabilities.map(capabilityRow)),
    ...(status.pods === undefined ? [] : podLines(status.pods)),
    '<h2>Phases</h2>',
    table(['phase', 'state', 'ms', ''], status.phases.map(phaseRow)),
    '<h2>kmesh-daemon</h2>',
    `<p>${escape(daemonLine(daemon))}</p>`,
    ...(daemon.crashLoop === undefined ? [] : [`<p class="bad">${escape(daemon.crashLoop.code)}: ${escape(daemon.crashLoop.reason)}</p><p class="remedy">${escape(daemon.crashLoop.remedy)}</p>`]),
    ...(daemon.lastEnd === undefined ? [] : [`<p>The last one ended: ${escape(daemon.lastEnd.how)}</p><pre>${escape(daemon.lastEnd.tail.join('\n'))}</pre>`]),
    '<p><small>As JSON: <a href="/status">/status</a></small></p>',
  ];
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="${REFRESH_SECONDS}"><title>Kmesh: ${escape(node.name ?? node.release)}</title><style>${STYLE}</style></head>\n<body>\n${body.join('\n')}\n</body></html>\n`;
}

function podLines(pods: NonNullable<StatusView['pods']>): string[] {
  const troubles = 'off' in pods ? [] : pods.troubles.map(({ concerns, code, reason, remedy }) => `<p class="bad">${escape(`${code}: ${concerns}: ${reason}`)}</p><p class="remedy">${escape(remedy)}</p>`);
  return ['<h2>Pods</h2>', `<p>${escape(podsLine(pods))}</p>`, ...troubles];
}

/** Its state, and how often it had to be started again for which causes. */
function daemonLine({ state, pid, reason, delayMs, restarts, restartsByCause }: StatusView['daemon']): string {
  const causes = RESTART_CAUSE_NAMES.filter((cause) => restartsByCause[cause] > 0).map((cause) => `${cause} ${restartsByCause[cause]}`);
  return [
    state.replace('-', ' '),
    ...(pid === undefined ? [] : [`, pid ${pid}`]),
    ...(reason === undefined ? [] : [` (${reason})`]),
    ...(delayMs === undefined ? [] : [` for ${delayMs} ms`]),
    `, started again ${restarts} times`,
    ...(causes.length === 0 ? [] : [` (${causes.join(', ')})`]),
  ].join('');
}

function capabilityRow({ title, state, reason, remedy }: StatusView['capabilities'][number]): string {
  const help = remedy === undefined ? '' : `<br><span class="remedy">to turn it on: ${escape(remedy)}</span>`;
  return `<td>${escape(title)}</td><td class="state ${state === 'on' ? 'good' : 'idle'}">${escape(state)}</td><td>${escape(reason)}${help}</td>`;
}

const CLASSES: Readonly<Record<StatusView['phases'][number]['state'], string>> = { pending: 'idle', running: '', done: 'good', skipped: 'idle', forgone: 'bad', failed: 'bad' };

function phaseRow({ name, summary, state, ms, reason }: StatusView['phases'][number]): string {
  return `<td>${escape(name)}</td><td class="state ${CLASSES[state]}">${escape(state)}</td><td class="n">${ms ?? ''}</td><td>${escape(reason ?? summary)}</td>`;
}

function table(headings: readonly string[], rows: readonly string[]): string {
  return `<table><tr>${headings.map((heading) => `<th>${escape(heading)}</th>`).join('')}</tr>\n${rows.map((row) => `<tr>${row}</tr>`).join('\n')}</table>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
