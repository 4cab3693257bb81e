// SPDX-License-Identifier: Apache-2.0
import type { RouteProgram } from '../routeTable.js';
import { targetKey } from '../target.js';
import type { Target } from '../types.js';
import { isUncertain } from './condition.js';
import type { Condition, TextCondition } from './condition.js';
import { Graph, knowing, knowingSlash } from './graph.js';
import type { Node } from './graph.js';
import { sameCheck } from './texts.js';
import type { Alternative } from './texts.js';

/** What a route comes to when it applies: a target, or the address's default decision. */
export type Outcome = { readonly kind: 'target'; readonly target: Target } | { readonly kind: 'default'; readonly why: 'no_route' | 'undecidable' };

export interface CompiledRoute {
  readonly conditions: readonly Condition[];
  readonly outcome: Outcome;
}

/** The steps that choose the first route whose conditions a request fulfils. */
export function programOf(routes: readonly CompiledRoute[]): RouteProgram {
  const graph = new Graph();
  const ends = endsOf(graph);
  const noRoute = ends({ kind: 'default', why: 'no_route' });
  const undecidable = ends({ kind: 'default', why: 'undecidable' });
  const first = routes.reduceRight((next, { conditions, outcome }) => routeSteps(graph, conditions, { applies: ends(outcome), doubt: undecidable, next }), noRoute);
  return graph.program(first);
}

/** The same objects in all programs. */
const DEFAULTS = { no_route: { op: 'default', why: 'no_route' }, undecidable: { op: 'default', why: 'undecidable' } } as const;

/** One step for all routes with the same outcome. */
function endsOf(graph: Graph): (outcome: Outcome) => Node {
  const known = new Map<string, Node>();
  return (outcome) => {
    const key = outcome.kind === 'target' ? `target ${targetKey(outcome.target)}` : outcome.why;
    const end = known.get(key) ?? graph.end(outcome.kind === 'target' ? { op: 'target', target: outcome.target } : DEFAULTS[outcome.why]);
    known.set(key, end);
    return end;
  };
}

interface Ways {
  readonly applies: Node;
  readonly doubt: Node;
  readonly next: Node;
}

/**
 * What can be told for certain is asked first. Of the rest, each condition for which nobody can tell turns to steps that
 * ask the remaining ones too: if one of them fails, the route is skipped whatever the others are.
 */
function routeSteps(graph: Graph, conditions: readonly Condition[], { applies, doubt, next }: Ways): Node {
  if (conditions.some(({ kind }) => kind === 'never')) return next;
  const certain = conditions.filter((condition) => !isUncertain(condition));
  const uncertain = conditions.filter(isUncertain);
  // Behind the check of a path that begins with a slash, this is known of the request.
  const slash = certain.findIndex(asksForPath);
  const nextBehind = (i: number): Node => (slash >= 0 && i > slash ? knowingSlash(next) : next);
  let [sure, unsure] = [applies, doubt];
  for (const condition of uncertain.toReversed()) {
    const fails = nextBehind(certain.length);
    const ways = [conditionSteps(graph, condition, { holds: sure, maybe: unsure, fails }), conditionSteps(graph, condition, { holds: unsure, maybe: unsure, fails })] as const;
    [sure, unsure] = ways;
  }
  return certain.reduceRight((holds, condition, i) => conditionSteps(graph, condition, { holds, maybe: doubt, fails: nextBehind(i) }), sure);
}

const asksForPath = (condition: Condition): boolean =>
  condition.kind === 'text' && condition.part.op === 'field' && condition.part.field === 'path' && condition.any.every(beginsWithSlash);

const beginsWithSlash = ({ checks }: Alternative): boolean => checks.some((check) => check.op === 'compare' && check.offset === 0 && !check.fromEnd && check.bytes[0] === 0x2f);

interface Answers {
  readonly holds: Node;
  readonly maybe: Node;
  readonly fails: Node;
}

function conditionSteps(graph: Graph, condition: Condition, answers: Answers): Node {
  switch (condition.kind) {
    case 'unknown':
      return answers.maybe;
    case 'never':
      return answers.fails;
    case 'present':
      return condition.wanted ? graph.select(condition.part, answers.holds, answers.fails) : graph.select(condition.part, answers.fails, answers.holds);
    case 'text':
      return textSteps(graph, condition, answers);
  }
}

function textSteps(graph: Graph, { part, missing, any, invert }: TextCondition, { holds, maybe, fails }: Answers): Node {
  const known = missing === 'fails' ? (node: Node): Node => knowing(part, node) : (node: Node): Node => node;
  const matches = known(invert ? fails : holds);
  const differs = known(invert ? holds : fails);
  const asked = alternativesSteps(graph, any, { matches, doubt: known(maybe), differs });
  return graph.select(part, asked, missing === 'fails' ? fails : graph.empty(asked));
}

interface Verdicts {
  readonly matches: Node;
  readonly doubt: Node;
  readonly differs: Node;
}

/** Alternatives beside each other that begin with the same check share it: if it fails, all of them do. */
function alternativesSteps(graph: Graph, alternatives: readonly Alternative[], verdicts: Verdicts): Node {
  const [first] = alternatives;
  if (!first) return verdicts.differs;
  const [check] = first.checks;
  if (!check) return first.exact ? verdicts.matches : verdicts.doubt;
  const other = alternatives.findIndex(({ checks }) => checks[0] === undefined || !sameCheck(checks[0], check));
  const sharing = other < 0 ? alternatives : alternatives.slice(0, other);
  const others = alternativesSteps(graph, alternatives.slice(sharing.length), verdicts);
  const behind = sharing.map(({ checks, exact }) => ({ checks: checks.slice(1), exact }));
  return graph.check(check, alternativesSteps(graph, behind, { ...verdicts, differs: others }), others, verdicts.doubt);
}
