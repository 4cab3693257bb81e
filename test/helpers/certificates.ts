// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Certificates {
  /** PEM of the server's certificate and key, and the path of the root that signed it. */
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly rootFile: string;
}

/** Makes a root and a server certificate for `name` in `folder`, with openssl. */
export function makeCertificates(folder: string, name: string): Certificates {
  const file = (base: string): string => path.join(folder, base);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test root', '-keyout', 'root.key', '-out', 'root.pem');
  openssl('req', ...newKey, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', 'server.key', '-out', 'server.csr');
  openssl('x509', '-req', '-days', '2', '-in', 'server.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-copy_extensions', 'copy', '-out', 'server.pem');
  return { certificate: readFileSync(file('server.pem')), key: readFileSync(file('server.key')), rootFile: file('root.pem') };
}
