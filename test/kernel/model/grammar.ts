// SPDX-License-Identifier: Apache-2.0
/** Character sets of RFC 9110, 9112 and 3986, as insides of regular expression classes over Latin-1 text. */
export const TOKEN = "!#$%&'*+\\-.^_`|~0-9A-Za-z";
export const VISIBLE = '\\x21-\\x7e';
export const VALUE = '\\x20-\\x7e\\t\\x80-\\xff';
const UNRESERVED_AND_DELIMS = "A-Za-z0-9\\-._~!$&'()*+,;=%";

const HOST = `\\[[${UNRESERVED_AND_DELIMS}:]+\\]|[${UNRESERVED_AND_DELIMS}]+`;
const AUTHORITY = new RegExp(`^(?<bare>${HOST})(?::(?<port>\\d*))?$`);
const ABSOLUTE = new RegExp(`^(?<scheme>[A-Za-z][A-Za-z0-9+.\\-]*)://(?:[${UNRESERVED_AND_DELIMS}:]*@)?(?<authority>[^@/?#]+)(?<path>(?:[/?#].*)?)$`);

export interface Authority {
  readonly text: string;
  readonly bare: string;
  readonly port: string | undefined;
}

/** `uri-host [ ":" port ]`; undefined when it is none. */
export function authorityOf(text: string): Authority | undefined {
  if (text === '') return { text, bare: '', port: undefined };
  const { bare, port } = AUTHORITY.exec(text)?.groups ?? {};
  return bare === undefined || Number(port ?? 0) > 65535 ? undefined : { text, bare, port };
}

export interface Target {
  readonly scheme?: string;
  readonly authority?: Authority;
  /** Empty for CONNECT. */
  readonly path: string;
}

/** The four forms of RFC 9112 section 3.2; undefined for what is none of them. */
export function targetOf(method: string, target: string): Target | undefined {
  if (method === 'CONNECT') {
    const authority = authorityOf(target);
    return authority?.port ? { authority, path: '' } : undefined;
  }
  if (target.startsWith('/') || (target === '*' && method === 'OPTIONS')) return { path: target };
  const { scheme = '', authority: text = '', path = '' } = ABSOLUTE.exec(target)?.groups ?? {};
  const authority = authorityOf(text);
  if (!text || !authority) return undefined;
  return { scheme: scheme.toLowerCase(), authority, path: path.startsWith('/') ? path : `/${path}` };
}
