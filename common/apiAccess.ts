// SPDX-License-Identifier: Apache-2.0
/** What agent and daemon know alike of the way to the Kubernetes API. */
import { KubeconfigProblem } from './kubeconfig.js';

/** The API server and by what one proves oneself there. */
export interface ApiAccess {
  readonly server: string;
  /** undefined: the name in the URL. */
  readonly serverName: string | undefined;
  /** PEM; undefined: the authorities that Node knows. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/** Mounted into every pod that has a service account; its absence means that this is no pod. */
export const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** URL of the API server by what every pod has in its environment; undefined: this is none. */
export function serverOfEnvironment(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const host = env['KUBERNETES_SERVICE_HOST'];
  if (host === undefined || host === '') return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
}

/** What is no token is not sent, nor repeated in an error. @throws KubeconfigProblem */
export function bearer(text: string): string {
  const token = text.trim();
  if (!/^[\w.~+/=-]+$/.test(token)) throw new KubeconfigProblem('file', 'the file of the token holds no token');
  return token;
}
