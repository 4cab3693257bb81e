// SPDX-License-Identifier: Apache-2.0
import type { DomainRecordKey, MapContents } from '../diff/operations.js';

export interface FoundDomain {
  /** Id of the virtual host. */
  readonly vhost: number;
  /** As the configuration spells it, in lower case. */
  readonly domain: string;
}

/** Whole names before suffixes, these before prefixes, the longest first, `*` at last (bpf/lib/route.h). */
const ORDER: Readonly<Record<DomainRecordKey['kind'], number>> = { exact: 0, suffix: 1, prefix: 2 };

/** The virtual host of a request; undefined: the table has none for this host. */
export function domainOf({ routes, domains }: MapContents, table: number, spelt: string): FoundDomain | undefined {
  const record = routes.find(({ id }) => id === table)?.value;
  const host = (record?.ignorePort ? spelt.replace(/:\d*$/, '') : spelt).toLowerCase();
  const holds = ({ key: { kind, text } }: { readonly key: DomainRecordKey }): boolean => {
    if (kind === 'exact') return text === host;
    return host.length > text.length && (kind === 'suffix' ? host.endsWith(text) : host.startsWith(text));
  };
  const [best] = domains.filter((one) => one.key.routes === table && holds(one)).sort((a, b) => ORDER[a.key.kind] - ORDER[b.key.kind] || b.key.text.length - a.key.text.length);
  if (best) return { vhost: best.vhost, domain: domainText(best.key) };
  return record && record.any !== 0 ? { vhost: record.any, domain: '*' } : undefined;
}

function domainText({ kind, text }: DomainRecordKey): string {
  if (kind === 'exact') return text;
  return kind === 'suffix' ? `*${text}` : `${text}*`;
}
