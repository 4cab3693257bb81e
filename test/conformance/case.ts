// SPDX-License-Identifier: Apache-2.0
import type { Test } from 'tap';
import { createImage, plan } from '../../daemon/diff/plan.js';
import { createModelBuilder } from '../../daemon/model/build.js';
import type { MeshModel, ResourceType } from '../../daemon/model/types.js';
import { Cluster } from '../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../daemon/proto/envoy/config/route/v3/route.js';
import { connect } from '../daemon/diff/connection.js';
import type { Connection } from '../daemon/diff/connection.js';
import { Kernel } from '../daemon/diff/interpreter.js';
import { resources } from '../daemon/model/protos.js';
import { addFields } from './fields.js';

/** Where connections end, with the part of them: `{ '10.0.0.1:80': 0.5, 'refuse 20': 0.5 }`; numbers are those of `enum km_reason`. */
export type Expected = Readonly<Record<string, number>>;

/** One thing that a configuration can ask for. */
export interface Case {
  /** What it is, for people. */
  readonly feature: string;
  /** The fields of the API that ask for it, each of which the resources set. */
  readonly fields: readonly string[];
  /** Which value of them, where that matters. */
  readonly value?: string;
  readonly resources: Parameters<typeof resources>[0];
  /** Not enforced, and listed under this name; else enforced. */
  readonly listed?: string;
  /** Where it is listed, when that is not the first of listener, route, cluster. */
  readonly at?: ResourceType;
  /** What else is listed because the feature needs it. */
  readonly also?: readonly string[];
  /** What the maps make of connections. */
  readonly connections?: readonly (readonly [Connection, Expected])[];
  /** What connections do not show. */
  readonly model?: (t: Test, model: MeshModel) => void;
  /** A test with the programs on a real kernel: its file and its name. */
  readonly kernel?: readonly [file: string, name: string];
  /** A test of what resources and maps do not show, such as time. */
  readonly test?: readonly [file: string, name: string];
}

export interface Area {
  readonly title: string;
  readonly cases: readonly Case[];
}

export const SWEEP = { frontends: true, clusters: true, shared: true };

/** What the daemon makes of a case: the model, and the maps that are written from it. */
export function build({ resources: parts }: Case): { readonly model: MeshModel; readonly kernel: Kernel } {
  const model = createModelBuilder()(resources(parts));
  const kernel = new Kernel();
  for (const operation of plan(createImage(), model, { sweep: SWEEP }).operations) kernel.apply(operation);
  return { model, kernel };
}

/** All fields that the resources of a case set. */
export function fieldsOf({ resources: { listeners = [], routes = [], clusters = [], endpoints = [] } }: Case): ReadonlySet<string> {
  const fields = new Set<string>();
  const add = <T>(typeUrl: string, codec: { encode(message: T): { finish(): Uint8Array } }, messages: readonly T[]): void => {
    for (const message of messages) addFields({ typeUrl, value: codec.encode(message).finish() }, fields);
  };
  add('envoy.config.listener.v3.Listener', Listener, listeners);
  add('envoy.config.route.v3.RouteConfiguration', RouteConfiguration, routes);
  add('envoy.config.cluster.v3.Cluster', Cluster, clusters);
  add('envoy.config.endpoint.v3.ClusterLoadAssignment', ClusterLoadAssignment, endpoints);
  return fields;
}

/** Sentence under which the feature is listed; undefined where it is enforced. */
export const reasonOf = (one: Case): string | undefined => build(one).model.notEnforced.find(({ feature }) => feature === one.listed)?.reason;

/** Holds a case to what it claims. */
export function check(t: Test, one: Case): void {
  const { model, kernel } = build(one);
  const expected = [...(one.also ?? []), ...(one.listed === undefined ? [] : [one.listed])];
  t.same([...new Set(model.notEnforced.map(({ feature }) => feature))].sort(), expected.sort(), 'what is listed');
  const item = model.notEnforced.find(({ feature }) => feature === one.listed);
  if (one.listed !== undefined) t.match(item, { resource: /./, reason: /./, ...(one.at && { resourceType: one.at }) }, 'with the resource and a reason');
  for (const [connection, outcomes] of one.connections ?? []) {
    const got = Object.fromEntries([...connect(kernel, connection)].map(([outcome, part]) => [outcome, Math.round(part * 1e6) / 1e6]));
    t.same(got, outcomes, JSON.stringify(connection));
  }
  one.model?.(t, model);
  const fields = fieldsOf(one);
  for (const field of one.fields) t.ok(fields.has(field), `the resources set ${field}`);
}
