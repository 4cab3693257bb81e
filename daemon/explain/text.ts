// SPDX-License-Identifier: Apache-2.0
import { questionText } from '../admin/routeViews.js';
import type { AddressAnswer, ClusterAnswer, RequestAnswer, TargetAnswer } from './address.js';
import type { Question } from './question.js';
import type { Taken } from './walk.js';

type Line = readonly [label: string, text: string];

const at = ({ address, port }: { readonly address: string; readonly port: number }): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** More steps than anyone reads: the first and the last ones are shown. */
const MOST_STEPS = 40;

/**
 * The answer in lines for people.
 *
 * @param unread why requests are not read on this node; undefined: they are.
 */
export function answerText(question: Question, answer: AddressAnswer, unread: string | undefined): string {
  const lines: Line[] = [['connection', connectionText(question)]];
  if (!answer.frontend || !answer.byDefault) {
    lines.push(['listener', 'none: the connection goes on to this address (no_listener)']);
    return written(lines);
  }
  const { listener, address, prefixLength, port } = answer.frontend;
  lines.push(['listener', `${listener}, by ${address}/${prefixLength} port ${port}`], ['requests', requestsText(answer, question, unread)]);
  const routed = answer.byRequest && unread === undefined ? answer.byRequest : undefined;
  if (routed) lines.push(...requestLines(routed));
  if (routed?.target) lines.push(...targetLines('route', routed.target, question));
  else lines.push(...targetLines(answer.table === undefined ? 'target' : 'default', answer.byDefault, question));
  return written(lines);
}

const written = (lines: readonly Line[]): string => {
  const width = Math.max(...lines.map(([label]) => label.length));
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join('');
};

function connectionText({ ip, port, request }: Question): string {
  const where = `to ${at({ address: ip.text, port })}`;
  if (!request) return where;
  const headers = [...request.headers].map(([name, value]) => `; ${name}: ${value}`).join('');
  return `${where}, ${request.method} ${request.path} Host: ${request.host}${headers}`;
}

function requestsText({ table, byRequest }: AddressAnswer, { request }: Question, unread: string | undefined): string {
  if (table === undefined) return 'are not read: all connections take one target';
  if (unread !== undefined) return `would be routed by table ${table}, but ${unread}: the default decision applies`;
  if (!request || !byRequest) return `are routed by table ${table} (ask with --path, --host or --header); without one that is HTTP/1 the default decision applies`;
  return `are routed by table ${table}`;
}

const OUTCOMES: Readonly<Record<Exclude<RequestAnswer['outcome'], 'routed'>, string>> = {
  no_virtual_host: 'no domain of the table holds the host: the default decision applies (no_virtual_host)',
  no_route: 'no route matches, or one that is no cluster: the default decision applies (no_route)',
  undecidable: 'a match that this node cannot decide: the default decision applies (undecidable)',
  err_route: 'the maps have a hole here, an error of our own: the connection goes on (err_route)',
};

function requestLines({ virtualHost, domain, steps, outcome }: RequestAnswer): Line[] {
  const lines: Line[] = virtualHost === undefined ? [] : [['virtual host', `${virtualHost}, by its domain ${domain ?? ''}`]];
  const left = steps.length - MOST_STEPS;
  for (const [i, taken] of steps.entries()) {
    if (left > 0 && i === MOST_STEPS / 2) lines.push(['', `... ${left} more`]);
    if (left <= 0 || i < MOST_STEPS / 2 || i >= steps.length - MOST_STEPS / 2) lines.push([i === 0 ? 'steps' : '', stepText(taken)]);
  }
  if (outcome !== 'routed') lines.push(['outcome', OUTCOMES[outcome]]);
  return lines;
}

function stepText({ index, step, text, yes }: Taken): string {
  const selects = step.op === 'field' || step.op === 'header' || step.op === 'param';
  const found = selects ? (text === undefined ? 'not there' : JSON.stringify(text)) : yes ? 'yes' : 'no';
  return `${index}: ${questionText(step as Parameters<typeof questionText>[0])}: ${found}`;
}

function targetLines(label: string, target: TargetAnswer, question: Question): Line[] {
  if (target.kind === 'pass') return [[label, `goes on to ${at({ address: question.ip.text, port: question.port })} (${target.reason})`]];
  if (target.kind === 'refuse') return [[label, `refused (${target.reason})`]];
  return [[label, target.clusters.length === 1 ? 'to one cluster' : `to one of ${target.clusters.length} clusters, drawn by weight`], ...target.clusters.flatMap(clusterLines)];
}

const POLICIES: Readonly<Record<NonNullable<ClusterAnswer['policy']>, string>> = {
  round_robin: 'endpoints in turn',
  random: 'endpoints at random',
  least_request: 'the less busy of two endpoints',
  source_hash: 'an endpoint by a hash of the network namespace',
};

function clusterLines({ cluster, share, outcome, policy, active, maxConnections, endpoints }: ClusterAnswer): Line[] {
  const limit = maxConnections === undefined ? '' : ` of at most ${maxConnections}`;
  const parts = [percent(share), cluster, ...(policy ? [POLICIES[policy]] : []), ...(active === undefined ? [] : [`${active}${limit} active`]), outcome];
  return [
    ['cluster', parts.join(', ')],
    ...endpoints.map((endpoint): Line => {
      const { counters } = endpoint;
      return ['endpoint', `${percent(endpoint.share)}, ${at(endpoint)}${counters ? `, ${counters.active} active, ${counters.steered} steered, ${counters.failed} failed` : ''}`];
    }),
  ];
}
