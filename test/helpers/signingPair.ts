// SPDX-License-Identifier: Apache-2.0
/** Keys and certificates that modules of tests are signed with, made by openssl. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';

export interface Pair {
  readonly key: string;
  readonly certificate: string;
}

/** @param form of the certificate */
export function makePair(folder: string, name: string, form: 'PEM' | 'DER' = 'PEM'): Pair {
  const [key, certificate] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.crt`)];
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-days', '2', '-keyout', key, '-out', certificate, '-outform', form];
  execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  return { key, certificate };
}
