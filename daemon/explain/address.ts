// SPDX-License-Identifier: Apache-2.0
import type { FrontendRecord, FrontendRecordKey, MapContents, StepRecord } from '../diff/operations.js';
import type { Counters } from '../maps/dataplane.js';
import { addressBits, maskIp, type Ip } from '../model/address.js';
import { domainOf } from './domain.js';
import { Names } from './names.js';
import { TargetReader, type TargetAnswer } from './target.js';
import type { Question, Request } from './question.js';
import { walk, type Taken } from './walk.js';

export type { ClusterAnswer, TargetAnswer } from './target.js';

/** How a request is decided on. */
export interface RequestAnswer {
  readonly table: string;
  readonly virtualHost: string | undefined;
  /** Of its domains the one that holds the host. */
  readonly domain: string | undefined;
  readonly steps: readonly Taken[];
  /** `routed`, or why the default decision applies; names of `enum km_l7_event`, or `err_route`. */
  readonly outcome: 'routed' | 'no_virtual_host' | 'no_route' | 'undecidable' | 'err_route';
  readonly target: TargetAnswer | undefined;
}

/** What a connection comes to by what the maps hold, and why. */
export interface AddressAnswer {
  /** The entry that holds the address; undefined: none does, and the connection goes on. */
  readonly frontend: { readonly listener: string; readonly address: string; readonly prefixLength: number; readonly port: number } | undefined;
  /** Undefined without a frontend. */
  readonly byDefault: TargetAnswer | undefined;
  /** Undefined without a route table, or when no request was asked for. */
  readonly byRequest: RequestAnswer | undefined;
  /** Requests to this address are routed by this table, where they are read. */
  readonly table: string | undefined;
}

/** Answers from the contents of the maps alone, in the order in which the connect hook asks (bpf/lib/connect.h). */
export function explainAddress(contents: MapContents, counters: Counters, { ip, port, request }: Question): AddressAnswer {
  const found = frontendOf(contents, ip, port);
  if (!found) return { frontend: undefined, byDefault: undefined, byRequest: undefined, table: undefined };
  const { key, value } = found;
  const names = new Names(contents);
  const targets = new TargetReader(contents, counters, names, ip.family);
  const { address, prefixLength } = key;
  const routes = value.routes;
  return {
    frontend: { listener: names.of('listener', value.listenerId), address, prefixLength, port },
    byDefault: targets.read(value),
    byRequest: routes !== 0 && request ? requestAnswer(contents, routes, request, names, targets) : undefined,
    table: routes === 0 ? undefined : names.of('routes', routes),
  };
}

interface Frontend {
  readonly key: FrontendRecordKey;
  readonly value: FrontendRecord;
}

/** The exact address, else the longest prefix; loopback has no prefix (bpf/lib/listener.h). */
function frontendOf({ frontends }: MapContents, ip: Ip, port: number): Frontend | undefined {
  const whole = addressBits(ip.family);
  const holds = ({ key }: Frontend): boolean =>
    key.port === port && key.family === ip.family && (key.prefixLength === whole || !isLoopback(ip)) && maskIp(ip, key.prefixLength).text === key.address;
  return frontends.filter(holds).sort((a, b) => b.key.prefixLength - a.key.prefixLength)[0];
}

const isLoopback = ({ family, text }: Ip): boolean => (family === 4 ? text.startsWith('127.') : text === '::1');

function requestAnswer(contents: MapContents, routes: number, request: Request, names: Names, targets: TargetReader): RequestAnswer {
  const table = names.of('routes', routes);
  const found = domainOf(contents, routes, request.host);
  if (!found) return { table, virtualHost: undefined, domain: undefined, steps: [], outcome: 'no_virtual_host', target: undefined };
  const stored = names.of('vhost', found.vhost);
  const virtualHost = stored.startsWith(`${table} `) ? stored.slice(table.length + 1) : stored;
  const { taken, end } = walk(stepsOf(contents, found.vhost), new Map(contents.automata.map(({ id, value }) => [id, value])), request);
  const base = { table, virtualHost, domain: found.domain, steps: taken };
  if (end === 'hole') return { ...base, outcome: 'err_route', target: undefined };
  return typeof end === 'string' ? { ...base, outcome: end, target: undefined } : { ...base, outcome: 'routed', target: targets.read(end) };
}

function stepsOf({ vhosts, steps }: MapContents, vhost: number): Map<number, StepRecord> {
  const program = vhosts.find(({ id }) => id === vhost)?.value.program;
  return new Map(steps.filter(({ key }) => key.program === program).map(({ key, value }) => [key.index, value]));
}
