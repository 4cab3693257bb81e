// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Resources } from '../../../daemon/model/resources.js';
import { Cluster } from '../../../daemon/proto/envoy/config/cluster/v3/cluster.js';
import { ClusterLoadAssignment } from '../../../daemon/proto/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../../../daemon/proto/envoy/config/route/v3/route.js';
import { DiscoveryResponse } from '../../../daemon/proto/envoy/service/discovery/v3/discovery.js';

const folder = path.resolve('../shared/fixtures/istiod');

/** For `t.test(..., options)`: why tests over the captures cannot run. */
export const captures = existsSync(folder) ? {} : { skip: 'no ../shared/fixtures beside the clone' };

/** Resources as they stand after some messages; an object is replaced only when its bytes changed. */
export class Snapshot {
  readonly #bytes = new Map<string, Buffer>();
  #resources: Resources = { listeners: new Map(), routes: new Map(), clusters: new Map(), endpoints: new Map(), resolved: new Map() };

  get resources(): Resources {
    return this.#resources;
  }

  /** A whole folder of captures. */
  static of(name: string): Snapshot {
    const snapshot = new Snapshot();
    for (const file of readdirSync(path.join(folder, name)).filter((file) => /\.pb(\.gz)?$/.test(file)).sort()) snapshot.read(path.join(name, file));
    return snapshot;
  }

  /** One message: CDS and LDS replace everything, EDS and RDS only what they hold. */
  read(file: string): void {
    const bytes = readFileSync(path.join(folder, file));
    const { typeUrl, resources } = DiscoveryResponse.decode(file.endsWith('.gz') ? gunzipSync(bytes) : bytes);
    const old = this.#resources;
    switch (typeUrl.slice(typeUrl.lastIndexOf('.') + 1)) {
      case 'Listener':
        this.#resources = { ...old, listeners: this.#decode(Listener, ({ name }) => name, resources, old.listeners, false) };
        break;
      case 'Cluster':
        this.#resources = { ...old, clusters: this.#decode(Cluster, ({ name }) => name, resources, old.clusters, false) };
        break;
      case 'RouteConfiguration':
        this.#resources = { ...old, routes: this.#decode(RouteConfiguration, ({ name }) => name, resources, old.routes, true) };
        break;
      case 'ClusterLoadAssignment':
        this.#resources = { ...old, endpoints: this.#decode(ClusterLoadAssignment, ({ clusterName }) => clusterName, resources, old.endpoints, true) };
        break;
      default:
        throw new Error(`${file}: ${typeUrl}`);
    }
  }

  #decode<T>(
    codec: { decode(bytes: Uint8Array): T },
    nameOf: (resource: T) => string,
    anys: readonly { readonly typeUrl: string; readonly value: Buffer }[],
    old: ReadonlyMap<string, T>,
    merge: boolean,
  ): Map<string, T> {
    const result = new Map(merge ? old : []);
    for (const { typeUrl, value } of anys) {
      const decoded = codec.decode(value);
      const name = nameOf(decoded);
      const key = `${typeUrl} ${name}`;
      const known = old.get(name);
      result.set(name, known !== undefined && this.#bytes.get(key)?.equals(value) ? known : decoded);
      this.#bytes.set(key, value);
    }
    return result;
  }
}

/** The messages that followed each change of the state-of-the-world capture. */
export function steps(): { readonly step: string | number; readonly sotw: readonly string[] }[] {
  return JSON.parse(readFileSync(path.join(folder, 'steps.json'), 'utf8')) as { step: string | number; sotw: string[] }[];
}
