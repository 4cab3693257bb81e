// SPDX-License-Identifier: Apache-2.0
// Generates daemon/proto/ from the Envoy, xDS and googleapis definitions that @grpc/grpc-js-xds ships
// (Apache-2.0). No network. Does nothing when the inputs are those of the last run.
//
// What the generated types look like, for those who write against them:
//   oneof            `field?.$case === 'name'`, then `field.value`: a discriminated union, undefined when unset
//   message field    `T | undefined`; repeated: array; map: object; scalars have their proto3 default
//   wrapper types    the bare value or undefined (google.protobuf.UInt32Value -> number | undefined)
//   64 bit integers  bigint: any value that comes over the wire can be held
//   Timestamp        {seconds: bigint, nanos: number}, as Duration
//   Any              {typeUrl, value: Buffer}: opened by who knows the type
//   enum             numeric; a number the definitions lack is kept as it is
//   methods          X.decode(bytes), X.encode(x).finish(), X.fromPartial({...}) for tests
// daemon/proto/descriptors.ts holds the same definitions as a FileDescriptorSet, for reading proto JSON.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const packageDir = (name) => path.dirname(require.resolve(`${name}/package.json`));

const output = path.join(root, 'daemon/proto');
const work = path.join(root, 'build/proto');
const stamp = path.join(output, '.inputs-sha256');

// The package of this machine's own binary: @bufbuild/buf names all platforms, and not every registry holds each.
const bufPackage = `@bufbuild/buf-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}`;
const definitions = path.join(packageDir('@grpc/grpc-js-xds'), 'deps');
const includes = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((dir) => path.join(definitions, dir));

const filters = 'envoy/extensions/filters';
const policies = 'envoy/extensions/load_balancing_policies';
const roots = [
  'envoy/service/discovery/v3/ads.proto',
  'envoy/service/discovery/v3/discovery.proto',
  'envoy/admin/v3/config_dump.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  `${filters}/network/tcp_proxy/v3/tcp_proxy.proto`,
  `${filters}/network/http_connection_manager/v3/http_connection_manager.proto`,
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
  ...['cluster_provided', 'least_request', 'maglev', 'pick_first', 'random', 'ring_hash', 'round_robin', 'wrr_locality'].map(
    (name) => `${policies}/${name}/v3/${name}.proto`,
  ),
  'udpa/type/v1/typed_struct.proto',
  'xds/type/v3/typed_struct.proto',
];

const tsProtoOptions = [
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.js',
  'oneof=unions-value',
  'forceLong=bigint',
  'useDate=false',
  'useExactTypes=false',
  'outputJsonMethods=false',
  'outputServices=grpc-js',
  'outputClientImpl=false',
  'exportCommonSymbols=false',
  'comments=false',
];

/** validate.proto of the package is older than the definitions that use it: it lacks one rule, which only validators read. */
function patch(file, text) {
  if (file !== 'validate/validate.proto' || text.includes('ignore_empty')) return text;
  let messages = 0;
  const patched = text.replace(/^message (\w+Rules) \{$/gm, (line, name) => {
    if (name === 'FieldRules' || name === 'MessageRules') return line;
    messages += 1;
    return `${line}\n  optional bool ignore_empty = 4096;`;
  });
  if (messages === 0) throw new Error(`${file}: no rules found to patch; its layout has changed`);
  return patched;
}

/** The roots and everything that they import, by import path. Google's well-known types are part of buf. */
function collect() {
  const files = new Map();
  const visit = (file, importer) => {
    if (files.has(file) || file.startsWith('google/protobuf/')) return;
    const folder = includes.find((dir) => existsSync(path.join(dir, file)));
    if (folder === undefined) throw new Error(`${importer} imports ${file}, which @grpc/grpc-js-xds does not ship`);
    const text = patch(file, readFileSync(path.join(folder, file), 'utf8'));
    files.set(file, text);
    for (const [, imported] of text.matchAll(/^import (?:public )?"([^"]+)";/gm)) visit(imported, file);
  };
  for (const file of roots) visit(file, 'scripts/generate-protos.mjs');
  return files;
}

function inputsHash(files) {
  const hash = createHash('sha256');
  const add = (part) => hash.update(part).update('\0');
  for (const name of ['ts-proto', bufPackage]) add(readFileSync(path.join(packageDir(name), 'package.json')));
  add(readFileSync(fileURLToPath(import.meta.url)));
  for (const file of [...files.keys()].sort()) add(file), add(files.get(file));
  return hash.digest('hex');
}

function buf(...args) {
  const result = spawnSync(path.join(packageDir(bufPackage), 'bin/buf'), args, { cwd: work, encoding: 'utf8' });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`buf ${args[0]} ended with ${result.signal ?? result.status}:\n${result.stderr}`);
}

function writeSources(files) {
  rmSync(work, { recursive: true, force: true });
  for (const [file, text] of files) {
    const target = path.join(work, 'in', file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }
  writeFileSync(path.join(work, 'buf.yaml'), 'version: v2\nmodules:\n  - path: in\n');
}

function generateTypes() {
  const plugin = path.join(packageDir('ts-proto'), 'protoc-gen-ts_proto');
  const template = {
    version: 'v2',
    plugins: [{ local: [process.execPath, plugin], out: 'out', opt: tsProtoOptions, include_imports: true, include_wkt: true, strategy: 'all' }],
  };
  buf('generate', '--template', JSON.stringify(template));
}

function generateDescriptors() {
  buf('build', '--as-file-descriptor-set', '--exclude-source-info', '-o', 'descriptors.binpb');
  const encoded = gzipSync(readFileSync(path.join(work, 'descriptors.binpb')), { level: 9 }).toString('base64');
  const text = [
    '// Code generated by scripts/generate-protos.mjs. DO NOT EDIT.',
    '/** google.protobuf.FileDescriptorSet of all definitions here; gzip, then base64. */',
    `export const FILE_DESCRIPTOR_SET = '${encoded}';`,
    '',
  ].join('\n');
  writeFileSync(path.join(work, 'out', 'descriptors.ts'), text);
}

const files = collect();
const hash = inputsHash(files);
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
  const started = Date.now();
  writeSources(files);
  generateTypes();
  generateDescriptors();
  rmSync(output, { recursive: true, force: true });
  cpSync(path.join(work, 'out'), output, { recursive: true });
  rmSync(work, { recursive: true, force: true });
  // Last, so that a run that was cut short is repeated.
  writeFileSync(stamp, hash);
  process.stderr.write(`generate-protos: daemon/proto from ${files.size} definitions in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}
