// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs/promises';
import path from 'node:path';
import { type ApiAccess, bearer, serverOfEnvironment } from '../../common/apiAccess.js';
import { KubeconfigProblem, parseKubeconfig, type Source } from '../../common/kubeconfig.js';
import { messageOf } from '../errors.js';
import { KubeError } from './errors.js';

const MAX_BYTES = 1 << 20;

/** Where the API server is, and who asks it. */
export interface AccessOptions {
  /** URL; undefined: that of the kubeconfig, or of KUBERNETES_SERVICE_HOST. */
  readonly server: string | undefined;
  /** undefined: the account of the pod. */
  readonly kubeconfig: string | undefined;
  /** Folder with the token and the authority of the pod's account. */
  readonly account: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Files are read each time: the kubelet renews tokens long before they expire.
 *
 * @throws KubeError KM_KUBE_ACCOUNT. No text of a secret is in it.
 */
export async function readAccess(options: AccessOptions): Promise<ApiAccess> {
  try {
    return await (options.kubeconfig === undefined ? podAccess(options) : kubeconfigAccess(options, options.kubeconfig));
  } catch (error) {
    throw error instanceof KubeError ? error : new KubeError('KM_KUBE_ACCOUNT', messageOf(error), { cause: error });
  }
}

async function podAccess({ server, account, env }: AccessOptions): Promise<ApiAccess> {
  const [token, ca] = await Promise.all(['token', 'ca.crt'].map((name) => readBounded(path.join(account, name))));
  const here = server ?? serverOfEnvironment(env);
  if (here === undefined) throw new Error('KUBERNETES_SERVICE_HOST is not set');
  return { server: here, serverName: undefined, ca, token: bearer(token!), certificate: undefined, key: undefined };
}

async function kubeconfigAccess({ server }: AccessOptions, file: string): Promise<ApiAccess> {
  try {
    const found = await parseKubeconfig(await readBounded(file));
    const [ca, token, certificate, key] = await Promise.all([found.authority, found.token, found.certificate, found.key].map((source) => contentOf(file, source)));
    const named = server === undefined ? { server: found.server, serverName: found.serverName } : { server, serverName: undefined };
    return { ...named, ca, token: token === undefined ? undefined : bearer(token), certificate, key };
  } catch (error) {
    if (error instanceof KubeconfigProblem) throw new KubeError('KM_KUBE_ACCOUNT', `${file}: ${error.message}`);
    throw error;
  }
}

/** Paths in a kubeconfig are relative to its folder. */
async function contentOf(kubeconfig: string, source: Source | undefined): Promise<string | undefined> {
  if (source === undefined || 'text' in source) return source?.text;
  return readBounded(path.resolve(path.dirname(kubeconfig), source.file));
}

async function readBounded(file: string): Promise<string> {
  const { size } = await fs.stat(file);
  if (size > MAX_BYTES) throw new Error(`${file} has ${size} bytes`);
  return fs.readFile(file, 'utf8');
}
