// SPDX-License-Identifier: Apache-2.0
import { parseIp, type Ip } from '../model/address.js';

/** A request as a client would send it. */
export interface Request {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Host, as it is sent. */
  readonly host: string;
  /** By lower case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A connect(), and what is sent over it. */
export interface Question {
  readonly ip: Ip;
  readonly port: number;
  /** undefined: nothing that is read. */
  readonly request: Request | undefined;
}

/** Arguments that mean nothing. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError';
}

export interface QuestionOptions {
  readonly address: string;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly host?: string | undefined;
  /** `NAME:VALUE` each. */
  readonly header?: readonly string[] | undefined;
}

const LAST_PORT = 65535;
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * A request is asked for by any of its parts; those that are left out are those of a plain `curl http://ADDRESS/`.
 *
 * @throws QuestionError naming the option.
 */
export function readQuestion({ address, method, path, host, header = [] }: QuestionOptions): Question {
  const [, text = '', portText = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address)?.filter((part) => part !== undefined) ?? [];
  const ip = parseIp(text);
  const port = Number(portText);
  if (!ip || port < 1 || port > LAST_PORT) throw new QuestionError(`--address takes an IP address and a port, as 10.96.0.1:80 or [fd00::1]:80, not ${JSON.stringify(address)}`);
  if (method === undefined && path === undefined && host === undefined && header.length === 0) return { ip, port, request: undefined };
  if (method !== undefined && !TOKEN.test(method)) throw new QuestionError(`--method takes a method, as GET, not ${JSON.stringify(method)}`);
  if (path !== undefined && !/^[/*][!-~]*$/.test(path)) throw new QuestionError(`--path takes a path with or without a query, as /a?b=c, not ${JSON.stringify(path)}`);
  const headers = readHeaders(header);
  const named = headers.get('host');
  headers.delete('host');
  return { ip, port, request: { method: method ?? 'GET', path: path ?? '/', host: host ?? named ?? hostOf(ip, port), headers } };
}

function hostOf({ family, text }: Ip, port: number): string {
  const name = family === 6 ? `[${text}]` : text;
  return port === 80 ? name : `${name}:${port}`;
}

/** One that stands twice is joined as a server takes it (RFC 9110 section 5.3; cookies: RFC 9113 section 8.2.3). */
function readHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!TOKEN.test(name)) throw new QuestionError(`--header takes NAME:VALUE, not ${JSON.stringify(line)}`);
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  return headers;
}
