// SPDX-License-Identifier: Apache-2.0
import {
  HttpConnectionManager_CodecType as Codec,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
} from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { HttpConnectionManager } from '../proto/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { isPositive } from './duration.js';
import { listHttpFilters } from './filters.js';
import type { Findings } from './notEnforced.js';

/** Lists what a connection manager does to requests before it routes them, and its filters. */
export function listConnectionManager(config: HttpConnectionManager, path: string, findings: Findings): void {
  const list = (asked: unknown, feature: string, reason: string): void => {
    if (asked) findings.once(feature, path, reason);
  };
  list(config.normalizePath || config.mergeSlashes || config.pathNormalizationOptions || unescapes(config), 'path_normalization', 'paths are compared as the client sent them: /a/../b and //b are not /b, %2F is no slash');
  list(config.stripMatchingHostPort || config.stripPortMode?.value, 'strip_port', 'hosts are compared with the port that the client sent, unless the route table ignores ports');
  list(config.stripTrailingHostDot, 'strip_dot', 'hosts are compared with the dot that the client sent at their end');
  list(config.earlyHeaderMutationExtensions.length, 'header_mutation', 'headers are not changed: requests and responses go through as they are');
  const common = config.commonHttpProtocolOptions;
  const times = [config.streamIdleTimeout, config.requestTimeout, config.requestHeadersTimeout, common?.maxStreamDuration];
  list(times.some(isPositive), 'timeout', 'requests are not ended after a time');
  list(isPositive(common?.maxConnectionDuration), 'max_connection_duration', 'connections are not closed after a time');
  list(isPositive(common?.idleTimeout), 'idle_timeout', 'idle connections are not closed by the node');
  list(common?.maxRequestsPerConnection, 'max_requests_per_connection', 'connections are not closed after a number of requests');
  list(common?.headersWithUnderscoresAction, 'underscores', 'headers with underscores in their names go through as they are');
  list(config.codecType === Codec.HTTP2 || config.codecType === Codec.HTTP3, 'codec_type', 'HTTP/1 requests are routed too, and other versions take the default decision');
  listHttpFilters(config.httpFilters, path, findings);
}

function unescapes({ pathWithEscapedSlashesAction: action }: HttpConnectionManager): boolean {
  return action === EscapedSlashes.REJECT_REQUEST || action === EscapedSlashes.UNESCAPE_AND_REDIRECT || action === EscapedSlashes.UNESCAPE_AND_FORWARD;
}
