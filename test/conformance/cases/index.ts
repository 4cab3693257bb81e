// SPDX-License-Identifier: Apache-2.0
import type { Area } from '../case.js';
import { endpoints, limitsOfClusters, policiesOfClusters, types } from './clusters.js';
import { addresses, chains, managers, tcpProxies } from './listeners.js';
import { actions, matches, virtualHosts } from './routes.js';

export const AREAS: readonly Area[] = [addresses, chains, tcpProxies, managers, virtualHosts, matches, actions, types, policiesOfClusters, limitsOfClusters, endpoints];
