// SPDX-License-Identifier: Apache-2.0

/** By cluster the endpoints that get no connections, as `endpointKey` says them. A set is replaced, never changed. */
export type Ejections = ReadonlyMap<string, ReadonlySet<string>>;

export const endpointKey = (endpoint: { readonly address: string; readonly port: number }): string => `${endpoint.address} ${endpoint.port}`;

/** So many connects in a row that fail eject an endpoint, in so many percent of the cases. */
export interface OutlierRule {
  readonly failures: number;
  readonly percent: number;
}

/** When endpoints of a cluster are ejected, and for how long. Times in milliseconds. */
export interface OutlierDetection {
  readonly rules: readonly OutlierRule[];
  /** Hosts of the cluster, ejected or not. */
  readonly hosts: number;
  /** Ejected endpoints that are none of its hosts any more, as `endpointKey` says them. */
  readonly gone: readonly string[];
  readonly intervalMs: number;
  readonly baseMs: number;
  readonly mostMs: number;
  readonly jitterMs: number;
  /** Of the hosts, in percent. */
  readonly mostPercent: number;
  /** One may be ejected whatever `mostPercent` is. */
  readonly alwaysOne: boolean;
}
