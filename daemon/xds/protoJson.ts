// SPDX-License-Identifier: Apache-2.0
import { gunzipSync } from 'node:zlib';
import { create, createFileRegistry, fromBinary, fromJson, toBinary, type DescMessage, type JsonValue, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { FILE_DESCRIPTOR_SET } from '../proto/descriptors.js';
import type { Any } from '../proto/google/protobuf/any.js';
import { KINDS, type ResourceKind } from './kinds.js';

/** Made at the first use: a daemon that talks to a control plane never pays for it. */
let definitions: Registry | undefined;

function loadDefinitions(): Registry {
  definitions ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, gunzipSync(Buffer.from(FILE_DESCRIPTOR_SET, 'base64'))));
  return definitions;
}

/** An empty message of this name: holds the place of a type whose definition is not part of this program. */
function standIn(typeName: string): DescMessage | undefined {
  const dot = typeName.lastIndexOf('.');
  const file = create(FileDescriptorProtoSchema, {
    name: `${typeName}.proto`,
    package: dot < 0 ? '' : typeName.slice(0, dot),
    syntax: 'proto3',
    messageType: [{ name: typeName.slice(dot + 1) }],
  });
  return createFileRegistry(file, () => undefined).getMessage(typeName);
}

/**
 * Knows every message: for one without a definition (a vendor's filter, say) it makes an empty one of that
 * name, so that the Any keeps its type URL and loses its contents, and the resource around it can be used.
 */
function tolerantRegistry(): Registry {
  const known = loadDefinitions();
  const made = new Map<string, DescMessage | undefined>();
  return {
    ...known,
    getMessage(typeName) {
      const found = known.getMessage(typeName);
      if (found !== undefined) return found;
      if (!made.has(typeName)) made.set(typeName, standIn(typeName));
      return made.get(typeName);
    },
  };
}

/**
 * Turns resources from proto JSON (either spelling of field names) into what a control plane would send.
 * Fields and enum values that the definitions lack are left out.
 */
export function createEncoder(): (kind: ResourceKind, json: JsonValue) => Any {
  const registry = tolerantRegistry();
  return (kind, json) => {
    const { typeName, typeUrl } = KINDS[kind];
    const description = registry.getMessage(typeName)!;
    const message = fromJson(description, json, { registry, ignoreUnknownFields: true });
    return { typeUrl, value: Buffer.from(toBinary(description, message)) };
  };
}
