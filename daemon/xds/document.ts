// SPDX-License-Identifier: Apache-2.0
import { field, has, isObject, objectField, objectsField, typeNameOf, without, type JsonObject, type JsonValue } from './json.js';
import { KINDS, RESOURCE_KINDS, type ResourceKind } from './kinds.js';
import { isNative, nativeResources } from './native.js';
import { upgrade } from './upgrade.js';

/** A resource of a document, as proto JSON of Envoy's v3 API without `@type`. */
export interface JsonResource {
  readonly kind: ResourceKind;
  readonly json: JsonObject;
}

export interface DocumentContents {
  readonly resources: readonly JsonResource[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

/** Collects while a document is read. */
interface Reader {
  readonly resources: JsonResource[];
  readonly notes: string[];
}

/**
 * Finds the resources in a JSON value: one resource, a list of them, a DiscoveryResponse, an Envoy config dump
 * or one section of it, an Envoy bootstrap, or an admin dump of Kmesh.
 *
 * @throws when a part of it is none of these.
 */
export function readDocument(document: JsonValue): DocumentContents {
  const reader: Reader = { resources: [], notes: [] };
  read(reader, document, 'the document');
  return reader;
}

function read(reader: Reader, value: JsonValue, where: string): void {
  if (value === null) return;
  if (Array.isArray(value)) value.forEach((item, index) => read(reader, item, `item ${index}`));
  else if (!isObject(value)) throw new Error(`${where} is not a resource but ${JSON.stringify(value).slice(0, 100)}`);
  else readObject(reader, value, where);
}

function readObject(reader: Reader, object: JsonObject, where: string): void {
  const typeName = typeNameOf(object);
  if (typeName?.endsWith('ConfigDump')) readSection(reader, object, typeName);
  else if (typeName === undefined && Array.isArray(object['configs'])) read(reader, object['configs'], 'configs');
  else if (Array.isArray(object['resources']) && (typeName === undefined || typeName.endsWith('.DiscoveryResponse'))) read(reader, object['resources'], 'resources');
  else if (typeName?.endsWith('.discovery.v3.Resource')) read(reader, object['resource'] ?? null, where);
  else if (typeName === undefined && (has(object, 'staticResources') || has(object, 'dynamicResources'))) readBootstrap(reader, object);
  else readResource(reader, object, where);
}

/** A dump of Kmesh has the shape of Envoy's bootstrap, with lists of its own. */
function readBootstrap(reader: Reader, object: JsonObject): void {
  for (const part of ['staticResources', 'dynamicResources']) {
    const resources = objectField(object, part);
    if (resources === undefined) continue;
    if (isNative(resources)) reader.resources.push(...nativeResources(resources));
    else for (const kind of ['listeners', 'clusters'] as const) for (const json of objectsField(resources, kind)) add(reader, kind, json);
  }
}

function readResource(reader: Reader, object: JsonObject, where: string): void {
  const upgraded = upgrade(object);
  if (!isObject(upgraded)) return;
  const typeName = typeNameOf(upgraded);
  const kind = typeName === undefined ? inferKind(upgraded) : RESOURCE_KINDS.find((candidate) => KINDS[candidate].typeName === typeName);
  if (kind !== undefined) reader.resources.push({ kind, json: named(kind, without(upgraded, '@type')) });
  else if (typeName !== undefined) reader.notes.push(`${where} is of type ${typeName.slice(0, 200)}, which has no use here`);
  else throw new Error(`${where} has no @type, and its fields (${Object.keys(object).slice(0, 10).join(', ').slice(0, 200)}) are those of no xDS resource`);
}

function add(reader: Reader, kind: ResourceKind, json: JsonObject): void {
  const upgraded = upgrade(json);
  if (isObject(upgraded)) reader.resources.push({ kind, json: named(kind, without(upgraded, '@type')) });
}

/** Fields that tell the type of a resource without `@type`, most telling first. */
const TELLING: readonly (readonly [ResourceKind, readonly string[]])[] = [
  ['endpoints', ['clusterName']],
  ['routes', ['virtualHosts']],
  ['listeners', ['filterChains', 'defaultFilterChain', 'listenerFilters']],
  ['clusters', ['connectTimeout', 'lbPolicy', 'loadAssignment', 'edsClusterConfig', 'loadBalancingPolicy', 'type', 'clusterType']],
];

function inferKind(object: JsonObject): ResourceKind | undefined {
  return TELLING.find(([, fields]) => fields.some((name) => has(object, name)))?.[0];
}

/** Envoy lets static listeners go without a name; here they get one from their address. */
function named(kind: ResourceKind, json: JsonObject): JsonObject {
  if (kind !== 'listeners' || json['name']) return json;
  const socket = objectField(objectField(json, 'address') ?? {}, 'socketAddress') ?? {};
  return { ...json, name: `${String(field(socket, 'address'))}_${String(field(socket, 'portValue'))}` };
}

interface Section {
  readonly kind: ResourceKind;
  /** Field of an entry that holds the resource. */
  readonly resource: string;
  /** Lists of entries, in order of precedence: the same name in a later list is older or not in force. */
  readonly lists: readonly string[];
}

/**
 * Sections of a config dump (envoy/admin/v3/config_dump.proto). Static route tables are left out, since they
 * are copies of those that stand in listeners, and so are static endpoints, which stand in clusters.
 */
const SECTIONS: Readonly<Record<string, Section>> = {
  ClustersConfigDump: { kind: 'clusters', resource: 'cluster', lists: ['staticClusters', 'dynamicActiveClusters', 'dynamicWarmingClusters'] },
  ListenersConfigDump: {
    kind: 'listeners',
    resource: 'listener',
    lists: ['staticListeners', 'dynamicListeners', 'dynamicActiveListeners', 'dynamicWarmingListeners'],
  },
  RoutesConfigDump: { kind: 'routes', resource: 'routeConfig', lists: ['dynamicRouteConfigs'] },
  EndpointsConfigDump: { kind: 'endpoints', resource: 'endpointConfig', lists: ['dynamicEndpointConfigs'] },
};

function readSection(reader: Reader, dump: JsonObject, typeName: string): void {
  const name = typeName.slice(typeName.lastIndexOf('.') + 1);
  const section = Object.hasOwn(SECTIONS, name) ? SECTIONS[name] : undefined;
  if (section === undefined) return;
  const seen = new Set<JsonValue | undefined>();
  for (const entry of section.lists.flatMap((list) => objectsField(dump, list))) {
    const found = resourceOfEntry(entry, section.resource);
    if (found === undefined) {
      reader.notes.push(`${section.kind}: ${String(entry['name'] ?? 'an entry')} was never accepted by the Envoy that was dumped, or is draining`);
      continue;
    }
    const key = field(found, section.kind === 'endpoints' ? 'clusterName' : 'name');
    if (key !== undefined && seen.has(key)) continue;
    seen.add(key);
    add(reader, section.kind, found);
  }
}

/** The version in force, or the one that is about to be. A refused one (`error_state.failed_configuration`) never is. */
function resourceOfEntry(entry: JsonObject, name: string): JsonObject | undefined {
  return [entry, objectField(entry, 'activeState'), objectField(entry, 'warmingState')].map((state) => objectField(state ?? {}, name)).find((found) => found !== undefined);
}
