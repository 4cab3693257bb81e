// SPDX-License-Identifier: Apache-2.0
import type { MapContents, StepRecord } from '../diff/operations.js';
import type { HostDomain, RouteStep, RouteTable } from '../model/routeTable.js';

/** A route table of the model, in the order of its resource. */
export function routeTableView(table: RouteTable, targetText: (step: Target) => string): unknown {
  return {
    name: table.name,
    ignorePort: table.ignorePort,
    virtualHosts: table.virtualHosts.map((host) => ({
      name: host.name,
      domains: host.domains.map(domainText),
      program: host.program.steps.map((step, i) => stepText(step, i, targetText)),
    })),
  };
}

/** The route tables that the maps hold. @param nameOf of a route table or a virtual host. */
export function storedTablesView(contents: MapContents, nameOf: (kind: 'routes' | 'vhost', id: number) => string, targetText: (step: StoredTarget) => string): unknown {
  const programs = programsOf(contents, targetText);
  const vhosts = new Map(contents.vhosts.map(({ id, value }) => [id, value]));
  return contents.routes.map(({ id, value }) => {
    const domains = new Map<number, string[]>(value.any === 0 ? [] : [[value.any, ['*']]]);
    for (const { key, vhost } of contents.domains) if (key.routes === id) domains.set(vhost, [...(domains.get(vhost) ?? []), domainText(key)]);
    const name = nameOf('routes', id);
    const virtualHosts = [...domains].map(([vhost, texts]) => ({
      name: withoutTable(nameOf('vhost', vhost), name),
      domains: texts.sort(),
      program: programs.get(vhosts.get(vhost)?.program ?? 0) ?? [],
    }));
    return { name, ignorePort: value.ignorePort, virtualHosts };
  });
}

/** Virtual hosts are stored as `TABLE HOST`, because their names are unique in their table only. */
const withoutTable = (name: string, table: string): string => (name.startsWith(`${table} `) ? name.slice(table.length + 1) : name);

type Target = Extract<RouteStep, { readonly op: 'target' }>;
type StoredTarget = Extract<StepRecord, { readonly op: 'target' }>;
type Question = Exclude<StepRecord | RouteStep, { readonly op: 'target' | 'default' }>;
type Step<T> = Question | Extract<RouteStep, { readonly op: 'default' }> | (T & { readonly op: 'target' });

function programsOf({ steps }: MapContents, targetText: (step: StoredTarget) => string): Map<number, string[]> {
  const programs = new Map<number, string[]>();
  for (const { key, value } of [...steps].sort((a, b) => a.key.index - b.key.index)) {
    const lines = programs.get(key.program) ?? [];
    lines.push(stepText(value, key.index, targetText));
    programs.set(key.program, lines);
  }
  return programs;
}

function domainText({ kind, text }: HostDomain): string {
  if (kind === 'exact') return text;
  return kind === 'prefix' ? `${text}*` : `*${text}`;
}

/** `2: compare "/api" at 0, else 5`; the next step is not named where it is the next one. */
function stepText<T extends { readonly op: 'target' }>(step: Step<T>, index: number, targetText: (step: T) => string): string {
  if (step.op === 'target') return `${index}: ${targetText(step as T)}`;
  if (step.op === 'default') return `${index}: default (${step.why})`;
  const then = step.then === index + 1 ? '' : `, then ${step.then}`;
  const otherwise = step.op === 'empty' ? '' : `, else ${step.otherwise}`;
  return `${index}: ${questionText(step)}${then}${otherwise}`;
}

/** What a step asks, or which part of the request it makes the text. */
export function questionText(step: Question): string {
  switch (step.op) {
    case 'field':
      return `field ${step.field}`;
    case 'header':
    case 'param':
      return `${step.op} ${step.name}`;
    case 'empty':
      return 'empty text';
    case 'compare':
      return `compare ${quoted(step.bytes, step.ignoreCase)} ${step.fromEnd ? `${step.offset} before the end` : `at ${step.offset}`}`;
    case 'length':
      return `length ${step.is === 'at_least' ? '>=' : '='} ${step.bytes}`;
    case 'contains':
      return `contains ${quoted(step.bytes, step.ignoreCase)}`;
    case 'range':
      return `integer in [${step.start}, ${step.end})`;
    case 'automaton':
      return 'regex' in step ? `matches ${JSON.stringify(step.regex)}` : `matches automaton ${step.automaton}`;
  }
}

const quoted = (bytes: Buffer, ignoreCase: boolean): string => `${JSON.stringify(bytes.toString())}${ignoreCase ? ' in any case' : ''}`;
