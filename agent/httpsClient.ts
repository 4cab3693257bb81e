// SPDX-License-Identifier: Apache-2.0
import https from 'node:https';

/** A question to a server that is known by its authority. */
export interface HttpsQuestion {
  readonly url: string;
  /** PEM of what signed the server's certificate; nothing else is trusted. */
  readonly ca: string;
  readonly token: string;
  /** For the whole answer. */
  readonly timeoutMs: number;
}

const MAX_ANSWER_CHARS = 1 << 18;

/**
 * GET with a bearer token; redirects are not followed, so that the token goes nowhere else.
 *
 * @throws why there is no whole answer: Node's errors of connections and certificates, a time-out, an answer beyond all bounds
 */
export function httpsGet({ url, ca, token, timeoutMs }: HttpsQuestion): Promise<{ status: number; body: string }> {
  // The metadata alone: what is asked for may have a long history of who changed what.
  const headers = { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json', authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const request = https.get(url, { agent: false, ca, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
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
