// SPDX-License-Identifier: Apache-2.0
/** The endpoints of the mesh, in the guest. */
import fs from 'node:fs';
import path from 'node:path';
import type { Context } from '../guest/scenario.js';
import { ENDPOINT_PORT, ENDPOINT_RANGES, type ProofMesh } from './mesh.js';
import { CLIENTS, Service } from './programs.js';

/** Makes the addresses of all endpoints the guest's own. */
export async function ownEndpointRanges({ sh }: Pick<Context, 'sh'>): Promise<void> {
  for (const range of ENDPOINT_RANGES) await sh('ip', range.includes(':') ? '-6' : '-4', 'route', 'replace', 'local', range, 'dev', 'lo');
}

/** Endpoints that say who they are and what they got, in HTTP/1, HTTP/2 and TLS. */
export async function startBackends(mesh: ProofMesh, { folder, sh }: Pick<Context, 'folder' | 'sh'>): Promise<Service> {
  const file = (name: string): string => path.join(folder, name);
  await sh('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=proof.test', '-keyout', file('key.pem'), '-out', file('cert.pem'));
  fs.writeFileSync(file('names.json'), JSON.stringify(mesh.names));
  return new Service(process.execPath, [path.join(CLIENTS, 'backends.mjs'), String(ENDPOINT_PORT), file('names.json'), file('key.pem'), file('cert.pem')]).listening();
}

/** Endpoints that answer fast, with nothing but their address. */
export async function startFastBackends(): Promise<Service> {
  return new Service(path.join(CLIENTS, 'server'), [String(ENDPOINT_PORT)]).listening();
}
