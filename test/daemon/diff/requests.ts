// SPDX-License-Identifier: Apache-2.0
import type { DomainRecordKey, FrontendRecordKey, RoutesRecord, StepRecord, TargetRecord, VhostRecord } from '../../../daemon/diff/operations.js';
import type { RouteStep } from '../../../daemon/model/routeTable.js';
import type { Automaton } from '../../../daemon/model/routing/regex/automaton.js';
import type { Cluster, Frontend, MeshModel, Target } from '../../../daemon/model/types.js';
import { route, walk, type Request } from '../model/routing/walk.js';
import type { Kernel, Outcomes, SocketKind } from './interpreter.js';
import { expected } from './models.js';

const ERROR: Outcomes = new Map([['error route', 1]]);

/**
 * Where a request to a frontend ends, looked up in the maps: by trying all domains, not by the look-ups that the programs
 * make. A hole is an outcome of its own.
 */
export function resolveRequest(kernel: Kernel, frontend: FrontendRecordKey, request: Request, socket: SocketKind = frontend.family): Outcomes {
  const record = kernel.frontend(frontend);
  if (!record || record.routes === 0 || request.host === undefined) return kernel.resolve(frontend, socket);
  const table = kernel.get<RoutesRecord>('km_routes', record.routes);
  if (!table) return ERROR;
  const vhost = vhostOf(kernel, record.routes, table, request.host.toLowerCase());
  if (vhost === 0) return kernel.resolve(frontend, socket);
  const program = kernel.get<VhostRecord>('km_vhost', vhost);
  if (!program) return ERROR;
  try {
    const { answer } = walk({ steps: stepsOf(kernel, program) }, request);
    return typeof answer === 'string' ? kernel.resolve(frontend, socket) : kernel.follow(answer as unknown as TargetRecord, socket);
  } catch {
    return ERROR;
  }
}

function vhostOf(kernel: Kernel, routes: number, { any, ignorePort }: RoutesRecord, spelt: string): number {
  const host = ignorePort ? spelt.replace(/:\d*$/, '') : spelt;
  const domains = [...kernel.maps.km_domain.values(), ...kernel.maps.km_wild.values()] as { key: DomainRecordKey; value: number }[];
  const holds = ({ kind, text }: DomainRecordKey): boolean => {
    if (kind === 'exact') return host === text;
    return host.length > text.length && (kind === 'suffix' ? host.endsWith(text) : host.startsWith(text));
  };
  const rank = ({ kind, text }: DomainRecordKey): number => ({ exact: 2000, suffix: 1000, prefix: 0 })[kind] + text.length;
  const [best] = domains.filter(({ key }) => key.routes === routes && holds(key)).sort((a, b) => rank(b.key) - rank(a.key));
  return best?.value ?? any;
}

/** The steps that are there, with their automata, up to the first hole; a target stands for itself. */
function stepsOf(kernel: Kernel, { program, n }: VhostRecord): RouteStep[] {
  const steps: RouteStep[] = [];
  for (let index = 0; index < n; index += 1) {
    const step = kernel.get<StepRecord>('km_step', { program, index });
    if (!step) break;
    if (step.op === 'target') steps.push({ op: 'target', target: step as unknown as Target });
    else if (step.op === 'automaton') {
      const automaton = kernel.get<Automaton>('km_automaton', step.automaton);
      if (!automaton) break;
      steps.push({ ...step, automaton, regex: '', unsure: step.otherwise });
    } else steps.push(step);
  }
  return steps;
}

/** Where a request ends by the model alone. */
export function expectedOfRequest(frontend: Frontend, tables: MeshModel['routeTables'], clusters: ReadonlyMap<string, Cluster>, request: Request): Outcomes {
  const table = frontend.routes === undefined ? undefined : tables.get(frontend.routes);
  const answer = table ? route(table, request).answer : 'no_route';
  return expected(typeof answer === 'string' ? frontend.target : answer, clusters, frontend.family);
}
