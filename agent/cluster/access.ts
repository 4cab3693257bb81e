// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, X509Certificate } from 'node:crypto';
import path from 'node:path';
import { type Context, failure } from '../context.js';
import { isErrno } from '../sys.js';
import { type ApiAccess, bearer, SERVICE_ACCOUNT, serverOfEnvironment } from '../../common/apiAccess.js';
import { KubeconfigProblem, parseKubeconfig, type Source } from '../../common/kubeconfig.js';

export const MAX_BYTES = 1 << 18;

/** One with the certificates of a hundred clusters is smaller. */
const MAX_KUBECONFIG_BYTES = 1 << 20;

/**
 * By --kubeconfig, or else by the account of the pod. --api-server and KUBERNETES_SERVICE_HOST go before the server of a kubeconfig.
 * Files are read each time: the kubelet renews tokens long before they expire.
 *
 * @throws KM_KUBECONFIG_...; an Error that says why there is none, of a pod
 */
export async function apiAccess(ctx: Context): Promise<ApiAccess> {
  const { apiServer, kubeconfig } = ctx.options;
  const server = apiServer ?? serverOfEnvironment(ctx.sys.env);
  if (kubeconfig === undefined) return podAccess(ctx, server);
  const found = await readKubeconfig(ctx, kubeconfig);
  return server === undefined ? found : { ...found, server, serverName: undefined };
}

/** Looks at the file of --kubeconfig, if there is one. @throws KM_KUBECONFIG_... */
export async function checkKubeconfig(ctx: Context): Promise<void> {
  if (ctx.options.kubeconfig !== undefined) await readKubeconfig(ctx, ctx.options.kubeconfig);
}

async function podAccess(ctx: Context, server: string | undefined): Promise<ApiAccess> {
  if (server === undefined) throw new Error('KUBERNETES_SERVICE_HOST is not set');
  const [token, ca] = await Promise.all(['token', 'ca.crt'].map((name) => ctx.sys.readSecret(path.join(SERVICE_ACCOUNT, name), MAX_BYTES)));
  return { server, serverName: undefined, ca, token: bearer(token ?? ''), certificate: undefined, key: undefined };
}

const CODES = { file: 'KM_KUBECONFIG_FILE', context: 'KM_KUBECONFIG_CONTEXT', unsupported: 'KM_KUBECONFIG_UNSUPPORTED' } as const;

async function readKubeconfig(ctx: Context, file: string): Promise<ApiAccess> {
  const entry = await ctx.sys.stat(file).catch(() => undefined);
  if (entry?.kind === 'directory') throw failure(ctx, 'KM_KUBECONFIG_MISSING', `${file} is a folder: a container volume of a file that the host lacks becomes an empty one`);
  const content = await ctx.sys.readSecret(file, MAX_KUBECONFIG_BYTES).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw failure(ctx, 'KM_KUBECONFIG_MISSING', `there is no ${file}`);
    throw failure(ctx, 'KM_KUBECONFIG_FILE', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  });
  try {
    const found = await parseKubeconfig(content);
    const [ca, token, certificate, key] = await Promise.all([found.authority, found.token, found.certificate, found.key].map((source) => contentOf(ctx, file, source)));
    checkPem(ca, certificate, key);
    return { server: found.server, serverName: found.serverName, ca, token: token === undefined ? undefined : bearer(token), certificate, key };
  } catch (error) {
    if (error instanceof KubeconfigProblem) throw failure(ctx, CODES[error.kind], `${file}: ${error.message}`, { cause: error.cause });
    throw error;
  }
}

/** Paths in a kubeconfig are relative to its folder. */
async function contentOf({ sys }: Context, kubeconfig: string, source: Source | undefined): Promise<string | undefined> {
  if (source === undefined || 'text' in source) return source?.text;
  const file = path.resolve(path.dirname(kubeconfig), source.file);
  return sys.readSecret(file, MAX_BYTES).catch((error: unknown) => {
    const absent = isErrno(error, 'ENOENT', 'ENOTDIR');
    throw new KubeconfigProblem('file', absent ? `it names ${file}, which is not there` : `${file} cannot be read: ${(error as Error).message}`, absent ? {} : { cause: error });
  });
}

/** OpenSSL would refuse them at each question, or ignore them, and not say which. */
function checkPem(ca: string | undefined, certificate: string | undefined, key: string | undefined): void {
  const usable = <T>(what: string, make: () => T): T => {
    try {
      return make();
    } catch {
      throw new KubeconfigProblem('file', `its ${what} is not in PEM, or damaged`);
    }
  };
  if (ca !== undefined) usable('certificate-authority', () => new X509Certificate(ca));
  if (certificate === undefined || key === undefined) return;
  const [own, secret] = [usable('client-certificate', () => new X509Certificate(certificate)), usable('client-key', () => createPrivateKey(key))];
  if (!own.checkPrivateKey(secret)) throw new KubeconfigProblem('file', 'its client-key does not belong to its client-certificate');
}

