// SPDX-License-Identifier: Apache-2.0
import https from 'node:https';

/** A question to a server that is known by its authority. */
export interface HttpsQuestion {
  readonly url: string;
  /** PEM of what signed the server's certificate, and nothing else is trusted; undefined: the authorities that Node knows. */
  readonly ca: string | undefined;
  /** The name that its certificate must be for; undefined: that of the URL. */
  readonly serverName: string | undefined;
  readonly token: string | undefined;
  /** PEM of a client certificate and its key, or neither. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** For the whole answer. */
  readonly timeoutMs: number;
}

const MAX_ANSWER_CHARS = 1 << 18;

/**
 * GET with a bearer token or a client certificate; redirects are not followed, so that the token goes nowhere else.
 *
 * @throws why there is no whole answer: Node's errors of connections and certificates, a time-out, an answer beyond all bounds
 */
export function httpsGet({ url, ca, serverName, token, certificate, key, timeoutMs }: HttpsQuestion): Promise<{ status: number; body: string }> {
  // The metadata alone: what is asked for may have a long history of who changed what.
  const headers = { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const proof = { ca, ...(serverName === undefined ? {} : { servername: serverName }), ...(certificate === undefined ? {} : { cert: certificate, key }) };
  return new Promise((resolve, reject) => {
    const request = https.get(url, { agent: false, ...proof, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body += part;
        if (body.length > MAX_ANSWER_CHARS) request.destroy(new Error(`an answer of more than ${MAX_ANSWER_CHARS} characters`));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    request.on('error', (error: NodeJS.ErrnoException) => reject(error.name === 'AbortError' || error.name === 'TimeoutError' ? new Error(`no answer within ${timeoutMs} ms`) : error));
  });
}
