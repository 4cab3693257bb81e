// SPDX-License-Identifier: Apache-2.0
import { Listener } from '../../../daemon/proto/envoy/config/listener/v3/listener.js';
import { HttpConnectionManager } from '../../../daemon/proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { Any } from '../../../daemon/proto/google/protobuf/any.js';
import { packed } from '../../helpers/adsServer.js';

/** A listener that asks for a route table; `seconds`: how long it wants to wait for it. */
export function httpListener(name: string, routes: string, seconds?: number): Any {
  const configSource = seconds === undefined ? undefined : { initialFetchTimeout: { seconds: BigInt(seconds), nanos: 0 } };
  const manager = HttpConnectionManager.fromPartial({ routeSpecifier: { $case: 'rds', value: { routeConfigName: routes, configSource } } });
  const typeUrl = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const value = Buffer.from(HttpConnectionManager.encode(manager).finish());
  return packed.listener(Listener.fromPartial({ name, filterChains: [{ filters: [{ configType: { $case: 'typedConfig', value: { typeUrl, value } } }] }] }));
}
