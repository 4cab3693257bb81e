// SPDX-License-Identifier: Apache-2.0
import { validateCluster, validateEndpoints, validateListener, validateRoute } from '../../daemon/model/validate.js';
import type { Validators } from '../../daemon/xds/answer.js';

/** Those that the daemon uses. */
export const modelValidators: Validators = { clusters: validateCluster, endpoints: validateEndpoints, listeners: validateListener, routes: validateRoute };
