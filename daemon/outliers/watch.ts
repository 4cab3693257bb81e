// SPDX-License-Identifier: Apache-2.0
import type { Applier } from '../applier.js';
import type { ClusterImage } from '../diff/image.js';
import type { EndpointRecord } from '../diff/operations.js';
import type { Image } from '../diff/plan.js';
import type { Logger } from '../log.js';
import type { Failures } from '../maps/dataplane.js';
import type { MeshModel } from '../model/types.js';
import { systemClock } from '../xds/source.js';
import { Ejector } from './ejector.js';

/** How often it is looked at what failed, in milliseconds. */
const LOOK_MS = 1000;

/** The part of the data plane that counts failures. */
export interface FailureCounts {
  failures(): ReadonlyMap<number, Failures>;
  forgetFailures(endpointIds: Iterable<number>): void;
}

/** Outlier detection: the programs count connects that fail, this ejects their endpoints and has the applier leave them out. */
export class OutlierWatch {
  readonly #counts: FailureCounts;
  readonly #applier: Pick<Applier, 'image' | 'eject'>;
  readonly #ejector: Ejector;
  readonly #timer: NodeJS.Timeout;

  constructor(counts: FailureCounts, applier: Pick<Applier, 'image' | 'eject'>, log: Logger) {
    this.#counts = counts;
    this.#applier = applier;
    this.#ejector = new Ejector(systemClock, Math.random, (what) => {
      log.info(what);
      applier.eject(this.#ejector.ejections);
    });
    this.#timer = setInterval(() => {
      try {
        lookAtFailures(this.#counts, this.#applier.image, this.#ejector);
      } catch (error) {
        log.error({ err: error }, 'failed connects cannot be read: no endpoint is ejected now');
      }
    }, LOOK_MS);
  }

  get ejector(): Ejector {
    return this.#ejector;
  }

  /** A configuration was written. */
  configured(model: MeshModel | undefined): void {
    if (model) this.#ejector.keep(model.clusters);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#ejector.stop();
  }
}

/**
 * Judges the endpoints in trouble. Those that nobody ejects, that are not in the maps any more, that have been judged, and those whose last connect
 * went well, are forgotten, so that the map has room for others.
 */
export function lookAtFailures(counts: FailureCounts, { clusters }: Pick<Image, 'clusters'>, ejector: Ejector): void {
  const failures = counts.failures();
  if (failures.size === 0) return;
  const over = new Map(failures);
  for (const { source, slots4, slots6 } of clusters.values()) {
    if (source?.kind !== 'endpoints' || !source.outliers) continue;
    const { name: cluster, outliers } = source;
    for (const [endpoint, failed] of failing([slots4, slots6], failures)) {
      const judged = ejector.judge({ cluster, outliers, endpoint, most: failed.most });
      if (!judged && failed.inRow > 0) over.delete(endpoint.endpointId);
    }
  }
  counts.forgetFailures(over.keys());
}

/** The endpoints in trouble of a cluster, each once. A look at each slot: there may be a million. */
function failing(tables: readonly ClusterImage['slots4'][], failures: ReadonlyMap<number, Failures>): Map<EndpointRecord, Failures> {
  const found = new Map<number, readonly [EndpointRecord, Failures]>();
  const look = (endpoint: EndpointRecord): void => {
    const failed = failures.get(endpoint.endpointId);
    if (failed) found.set(endpoint.endpointId, [endpoint, failed]);
  };
  for (const slots of tables) {
    for (const slot of slots) {
      if (!slot) continue;
      look(slot.primary);
      if (slot.alias !== slot.primary) look(slot.alias);
    }
  }
  return new Map(found.values());
}
