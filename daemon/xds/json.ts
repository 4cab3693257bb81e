// SPDX-License-Identifier: Apache-2.0
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

export type { JsonObject, JsonValue };

export const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Reads a field by its camelCase name, whichever of proto JSON's two spellings the object uses. */
export function field(object: JsonObject, name: string): JsonValue | undefined {
  for (const spelling of [name, snakeCase(name)]) if (Object.hasOwn(object, spelling)) return object[spelling];
  return undefined;
}

export const has = (object: JsonObject, name: string): boolean => field(object, name) !== undefined;

/** A field that holds an object; undefined when it is anything else. */
export function objectField(object: JsonObject, name: string): JsonObject | undefined {
  const value = field(object, name);
  return isObject(value) ? value : undefined;
}

/** The objects of a field that is repeated; a single object counts as a list of one, as Envoy reads it. */
export function objectsField(object: JsonObject, name: string): JsonObject[] {
  const value = field(object, name);
  return (Array.isArray(value) ? value : [value]).filter(isObject);
}

/** The object without these fields, in either spelling. */
export function without(object: JsonObject, ...names: readonly string[]): JsonObject {
  const gone = new Set(names.flatMap((name) => [name, snakeCase(name)]));
  return Object.fromEntries(Object.entries(object).filter(([key]) => !gone.has(key)));
}

/** Message name of an `@type`; undefined where there is none. */
export function typeNameOf(object: JsonObject): string | undefined {
  const url = object['@type'];
  return typeof url === 'string' ? url.slice(url.lastIndexOf('/') + 1) : undefined;
}
