// SPDX-License-Identifier: Apache-2.0
import { parseAllDocuments } from 'yaml';
import { DaemonError, messageOf } from '../errors.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { readDocument, type JsonResource } from './document.js';
import type { JsonValue } from './json.js';
import { perKind, type ResourceKind } from './kinds.js';
import { createEncoder } from './protoJson.js';

/** What one file holds. */
export interface FileContents {
  readonly resources: Readonly<Record<ResourceKind, readonly Any[]>>;
  readonly notes: readonly string[];
}

/** The clusters of 10,000 services are some 60 MB as JSON. */
const MOST_JSON_BYTES = 128 << 20;
/** The tree of a YAML text takes some fifty times its size. */
const MOST_YAML_BYTES = 16 << 20;
/** Documents in which aliases add up to more than this are an attempt to fill the memory. */
const MOST_ALIASES = 100;

/** How many bytes a file of this name may have. */
export const mostBytes = (path: string): number => (isJson(path) ? MOST_JSON_BYTES : MOST_YAML_BYTES);

/**
 * Reads the text of a file of resources: JSON where the name ends in `.json`, else YAML with any number of
 * documents.
 *
 * @param path goes into errors and decides the format.
 * @throws DaemonError KM_XDS_FILE, naming the file, the line where it is known, and the resource.
 */
export function parseFile(path: string, text: string): FileContents {
  if (text.trim() === '') throw fileError(path, undefined, 'is empty; a file without resources holds []');
  const encode = createEncoder();
  const resources = perKind((): Any[] => []);
  const notes: string[] = [];
  for (const document of isJson(path) ? [parseJson(path, text)] : parseYaml(path, text)) {
    const contents = attempt(path, () => readDocument(document));
    for (const resource of contents.resources) resources[resource.kind].push(attempt(path, () => encode(resource.kind, resource.json), resource));
    notes.push(...contents.notes.map((note) => `${path}: ${note}`));
  }
  return { resources, notes };
}

const isJson = (path: string): boolean => /\.json$/i.test(path);

function attempt<T>(path: string, work: () => T, resource?: JsonResource): T {
  try {
    return work();
  } catch (error) {
    const which = resource === undefined ? '' : `${resource.kind} ${JSON.stringify(resource.json['name'] ?? resource.json['clusterName'] ?? resource.json['cluster_name'] ?? '').slice(0, 200)}: `;
    throw fileError(path, undefined, `${which}${messageOf(error)}`, error);
  }
}

function parseJson(path: string, text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    const message = messageOf(error);
    const position = /at position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? undefined : text.slice(0, Number(position)).split('\n').length;
    throw fileError(path, line, message, error);
  }
}

function parseYaml(path: string, text: string): JsonValue[] {
  const documents = parseAllDocuments(text, { prettyErrors: false });
  return Array.from(documents, (document) => {
    const [error] = document.errors;
    if (error !== undefined) throw fileError(path, text.slice(0, error.pos[0]).split('\n').length, error.message, error);
    return attempt(path, () => document.toJS({ maxAliasCount: MOST_ALIASES }) as JsonValue);
  });
}

function fileError(path: string, line: number | undefined, why: string, cause?: unknown): DaemonError {
  return new DaemonError('KM_XDS_FILE', `${path}${line === undefined ? '' : `:${line}`}: ${why.slice(0, 1000)}`, { cause });
}
