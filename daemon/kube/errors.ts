// SPDX-License-Identifier: Apache-2.0
import { DAEMON_ERRORS, messageOf, type DaemonErrorCode } from '../errors.js';

/** Why the API server cannot be asked. */
export type KubeErrorCode = Extract<DaemonErrorCode, `KM_KUBE_${string}`>;

export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: KubeErrorCode;

  constructor(code: KubeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Of Node's errors of connections and certificates. */
  static from(error: unknown): KubeError {
    return error instanceof KubeError ? error : new KubeError('KM_KUBE_UNREACHABLE', messageOf(error), { cause: error });
  }

  /** Of an answer that is none of those that the question allows. */
  static ofStatus(path: string, { status, body }: { readonly status: number; readonly body: unknown }): KubeError {
    const reason = reasonOf(body);
    const detail = `${path.split('?', 1)[0]}: the API server answers ${status}${reason === undefined ? '' : ` (${reason})`}`;
    return new KubeError(status === 401 || status === 403 ? 'KM_KUBE_REFUSED' : 'KM_KUBE_UNREACHABLE', detail);
  }

  get remedy(): string {
    return DAEMON_ERRORS[this.code].remedy;
  }
}

/** Of a Status of the API server; one line. */
function reasonOf(body: unknown): string | undefined {
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined;
  return typeof message === 'string' ? message.replaceAll(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 300) : undefined;
}
