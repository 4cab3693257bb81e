// SPDX-License-Identifier: Apache-2.0
import type { Listing } from '../notEnforced.js';
import type { HostDomain } from '../routeTable.js';
import { lowerCase } from './texts.js';

/** A domain of a virtual host in both its forms: as it was sent, and as hosts are compared with it. */
export interface ReadDomain {
  readonly spelt: string;
  readonly domain: HostDomain;
}

/** KM_HOST_MAX of bpf/include/kmesh/request.h. */
const MOST_BYTES = 248;
/** What no host has: it would be cut off, or end a key of the maps early. */
const NOT_OF_HOSTS = /[\u0000-\u0020\u007f]/;

/** Those that a request can have, in the order of the resource. */
export function readDomains(domains: readonly string[], path: string, findings: Listing): ReadDomain[] {
  return domains.flatMap((spelt, i) => {
    const domain = readDomain(lowerCase(spelt));
    if ((domain.kind === 'exact' && domain.text === '') || NOT_OF_HOSTS.test(domain.text)) {
      findings.once('domain', `${path}.domains[${i}]`, 'this is no name of a host: left out');
      return [];
    }
    if (Buffer.byteLength(domain.text) > MOST_BYTES) {
      findings.once('long_domain', `${path}.domains[${i}]`, `requests for names of more than ${MOST_BYTES} bytes take the default decision: left out`);
      return [];
    }
    return [{ spelt, domain }];
  });
}

/** As RouteMatcher of Envoy (source/common/router/config_impl.cc): an asterisk counts at one end only. */
function readDomain(text: string): HostDomain {
  if (text === '*') return { kind: 'any', text: '' };
  if (text.startsWith('*')) return { kind: 'suffix', text: text.slice(1) };
  return text.endsWith('*') ? { kind: 'prefix', text: text.slice(0, -1) } : { kind: 'exact', text };
}

export const domainKey = ({ kind, text }: HostDomain): string => `${kind} ${text}`;
