// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import type http from 'node:http';
import path from 'node:path';
import { configText } from './admin/configText.js';
import { metricsText } from './admin/metrics.js';
import { serveAdmin, type Page } from './admin/server.js';
import { configDump, mapsView } from './admin/views.js';
import type { Applied } from './applied.js';
import { Applier } from './applier.js';
import { DaemonError, messageOf } from './errors.js';
import { holdPins } from './exclusive.js';
import { OWN_GID } from './identity.js';
import type { Logger } from './log.js';
import { Dataplane } from './maps/dataplane.js';
import { SERVICE_ACCOUNT } from '../common/apiAccess.js';
import { validateCluster, validateEndpoints, validateListener, validateRoute } from './model/validate.js';
import type { DaemonOptions } from './options.js';
import type { Ejector } from './outliers/ejector.js';
import { OutlierWatch } from './outliers/watch.js';
import { CNI_SOCKET } from './pods/cniServer.js';
import { PodManagement } from './pods/management.js';
import { podsSummary } from './pods/summary.js';
import { readiness, type Readiness } from './readiness.js';
import { Steering } from './steering.js';
import { SWEEP_MS, sweepGone } from './sweepGone.js';
import { createXdsSource, type XdsOptions } from './xds/index.js';
import type { XdsStatus } from './xds/source.js';

/**
 * Loads the programs, serves the admin pages and keeps the maps equal to what the control plane says, until
 * SIGTERM or SIGINT. What is pinned stays behind on purpose: connections are steered while no daemon runs.
 *
 * @throws DataplaneError, DaemonError
 */
export async function runDaemon(options: DaemonOptions, pinRoot: string, log: Logger): Promise<void> {
  const hold = await holdPins(pinRoot, log);
  try {
    await runAlone(options, pinRoot, log);
  } finally {
    hold?.release();
  }
}

async function runAlone(options: DaemonOptions, pinRoot: string, log: Logger): Promise<void> {
  const objectFile = path.join(options.objects, 'kmesh.bpf.o');
  const dataplane = Dataplane.open({ objectFile, cgroupPath: options.cgroup, pinRoot, sizes: options.sizes, ownGid: OWN_GID, manage: options.manage });
  const steering = new Steering(dataplane, log);
  const look = setInterval(() => steering.followModule(), MODULE_LOOK_MS);
  const pods = podManagement(options, dataplane, log);
  let admin: http.Server | undefined;
  let outliers: OutlierWatch | undefined;
  let sweep: NodeJS.Timeout | undefined;
  try {
    let status: XdsStatus | undefined;
    const applier = createApplier(dataplane, steering, log, ({ model }) => outliers?.configured(model));
    outliers = new OutlierWatch(dataplane, applier, log);
    const { ejector } = outliers;
    sweep = setInterval(() => sweepGone(dataplane, applier, log), SWEEP_MS);
    admin = await listen(options.adminPort, pages({ options, dataplane, steering, applier, ejector, pods, status: () => status }));
    await pods.start();
    const source = createXdsSource(xdsOptions(options), {
      onResources: (resources, info) => {
        if (info.usable) applier.submit(resources, info.complete);
      },
      onStatus: (next) => {
        reportStatus(log, status, next);
        status = next;
      },
    });
    source.start();
    await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
    log.info('stopping');
    await pods.stop();
    await source.stop();
    await applier.stop();
  } finally {
    clearInterval(look);
    clearInterval(sweep);
    outliers?.stop();
    admin?.close();
    admin?.closeAllConnections();
    dataplane.close();
  }
}

/** How often to look whether kmesh.ko came: until then connections go by their default decisions. */
const MODULE_LOOK_MS = 1000;

/**
 * Adopted maps come into force with this process's programs at once. New maps are filled first: until then no
 * program is attached, or those of another map layout go on with theirs (docs/decisions/0013).
 */
function createApplier(dataplane: Dataplane, steering: Steering, log: Logger, then: (applied: Applied) => void): Applier {
  const onApplied = (applied: Applied): void => {
    steering.attach();
    if (applied.model) steering.configured(applied.model);
    then(applied);
  };
  if (!dataplane.adopted) {
    if (!dataplane.sharing) return new Applier(dataplane, undefined, log, onApplied);
    log.info('programs with maps of another layout are in force; they go on until the maps of this layout are filled');
    return new Applier(dataplane, { contents: dataplane.read(), whole: false }, log, onApplied);
  }
  for (const kept of dataplane.keptSizes) log.warn(kept, `map ${kept.map} keeps the size it was created with; stop with --on-stop cleanup to change it`);
  const adopted = dataplane.read();
  steering.attach();
  log.info({ frontends: adopted.frontends.length, clusters: adopted.clusters.length }, 'adopted the pinned maps; stale until the control plane answers');
  return new Applier(dataplane, { contents: adopted, whole: true }, log, onApplied);
}

export const xdsOptions = (options: DaemonOptions): XdsOptions => ({
  address: options.xdsAddress,
  plaintext: options.xdsPlaintext,
  protocol: options.xdsProtocol,
  rootCert: options.xdsRootCert,
  token: options.xdsToken,
  env: process.env,
  validators: { listeners: validateListener, routes: validateRoute, clusters: validateCluster, endpoints: validateEndpoints },
});

async function listen(port: number, all: ReadonlyMap<string, Page>): Promise<http.Server> {
  try {
    return await serveAdmin(port, all);
  } catch (error) {
    throw new DaemonError('KM_ADMIN_PORT', `127.0.0.1:${port}: ${messageOf(error)}`, { cause: error });
  }
}

/** A change of the trouble is logged once, with its remedy; that it is over is logged too. */
function reportStatus(log: Logger, before: XdsStatus | undefined, now: XdsStatus): void {
  if (now.code !== undefined) {
    if (now.code !== before?.code || now.reason !== before.reason) {
      const { remedy } = new DaemonError(now.code, '');
      log.warn({ code: now.code, remedy }, `${now.code}: ${now.reason ?? ''}; remedy: ${remedy}`);
    }
  } else if (before?.code !== undefined) {
    log.info(`${before.code} is over`);
  }
  if (now.connected && !before?.connected) log.info('the source of the configuration answers');
}

function podManagement({ manage, apiServer, kubeconfig }: DaemonOptions, dataplane: Dataplane, log: Logger): PodManagement {
  const { env } = process;
  return new PodManagement({
    manage,
    set: dataplane.pods,
    refused: dataplane.podsRefused,
    learn: (connect) => dataplane.learnNetnsCookie(connect),
    access: { server: apiServer, kubeconfig, account: SERVICE_ACCOUNT, env },
    nodeName: env['NODE_NAME'],
    socket: CNI_SOCKET,
    log,
  });
}

interface Shown {
  readonly options: DaemonOptions;
  readonly dataplane: Dataplane;
  readonly steering: Steering;
  readonly applier: Applier;
  readonly ejector: Ejector;
  readonly pods: PodManagement;
  readonly status: () => XdsStatus | undefined;
}

function pages(shown: Shown): ReadonlyMap<string, Page> {
  const { options, dataplane, applier, ejector, pods, status } = shown;
  return new Map<string, Page>([
    ['/options', { summary: 'the options in force', answer: () => ({ status: 200, body: options }) }],
    ['/config_dump', { summary: 'what came, what it means here, what is not enforced', answer: () => ({ status: 200, body: configDump(applier.applied, ejector.ejections, status(), dataplane.l7) }) }],
    ['/config_dump/text', { summary: 'the same in sorted lines, for diff', answer: () => ({ status: 200, body: configText(applier.applied) }) }],
    ['/bpf/kmesh/maps', { summary: 'what the eBPF maps hold, and the counters', answer: () => ({ status: 200, body: mapsView(dataplane.read(), dataplane.counters(), dataplane.module()) }) }],
    ['/metrics', { summary: 'counts and states for Prometheus', answer: () => ({ status: 200, body: metricsOf(shown) }) }],
    ['/pods', { summary: 'which pods of this node are in the mesh, which are not, and by which rule', answer: () => ({ status: 200, body: pods.page() }) }],
    ['/pods/summary', { summary: 'the same in short', answer: () => ({ status: 200, body: podsSummary(pods.page()) }) }],
    [
      '/healthz/ready',
      {
        summary: '200 once programs are attached and a configuration is applied',
        answer: () => {
          const body = readinessOf(shown);
          return { status: body.ready ? 200 : 503, body };
        },
      },
    ],
  ]);
}

const readinessOf = ({ steering, applier, dataplane, pods, status }: Shown): Readiness => ({ ...readiness(steering.attached, applier.applied, status(), dataplane.l7), pods: pods.state });

function metricsOf(shown: Shown): string {
  const { dataplane, applier, ejector, pods, status } = shown;
  const { applied, image } = applier;
  return metricsText({ totals: dataplane.totals(), services: dataplane.serviceCounters(), image, capacities: dataplane.capacities, module: dataplane.module()?.counters, applied, ejector, status: status(), readiness: readinessOf(shown), pods: pods.page() });
}
