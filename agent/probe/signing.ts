// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, X509Certificate } from 'node:crypto';

/** A key and its certificate that fit each other. */
export interface SigningPair {
  /** Digest of the certificate, hex digits: it names the key too. */
  readonly fingerprint: string;
  readonly subject: string;
}

/** What is wrong with a key or a certificate; never holds anything of the key. */
export class SigningProblem extends Error {
  override readonly name = 'SigningProblem';
}

/**
 * @param key PEM, without a passphrase, as scripts/sign-file of the kernel reads it
 * @param certificate PEM or DER
 * @throws SigningProblem. What the library says of a key is not passed on
 */
export function signingPair(key: Uint8Array, certificate: Uint8Array): SigningPair {
  const x509 = parsed('the certificate is not an X.509 certificate in PEM or DER', () => new X509Certificate(certificate));
  if (/ENCRYPTED/.test(Buffer.from(key.subarray(0, 200)).toString('latin1'))) throw new SigningProblem('the key is protected by a passphrase; give one without');
  const secret = parsed('the key is not a private key in PEM', () => createPrivateKey(Buffer.from(key)));
  if (!x509.checkPrivateKey(secret)) throw new SigningProblem('the key does not belong to the certificate');
  return { fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(), subject: x509.subject.replaceAll('\n', ', ') };
}

function parsed<T>(problem: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new SigningProblem(problem);
  }
}

/** Hashes that sign-file may be told (CONFIG_MODULE_SIG_HASH, kernel/module/Kconfig). */
const HASHES = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha3-256', 'sha3-384', 'sha3-512'];

/** @param config options of the kernel. Kernels without the option get what all of them know */
export function signatureHash(config: ReadonlyMap<string, string> | undefined): string {
  const hash = config?.get('CONFIG_MODULE_SIG_HASH') ?? '';
  return HASHES.includes(hash) ? hash : 'sha256';
}
