// SPDX-License-Identifier: Apache-2.0
/** The guest's side of `npm run bench -- l7`: the same requests to the same backend, directly and through each of the others in turn. */
import fs from 'node:fs';
import { startFastBackends } from '../../test/vm/proof/backends.js';
import type { Checks, Context } from '../../test/vm/guest/scenario.js';
import { Load, type Target } from '../../test/vm/proof/load.js';
import { ENDPOINT_PORT } from '../../test/vm/proof/mesh.js';
import type { Service } from '../../test/vm/proof/programs.js';
import { prepareMesh, startAgent } from '../../test/vm/proof/stage.js';
import { HAPROXY_PORT, NGINX_PORT, startHaproxy, startNginx } from './proxies.js';
import { MEASURES, WAYS, type Measure, type Sample, type Way } from './rounds.js';

export const name = 'l7';
export const limitSeconds = 1800;

/** Notes that begin so hold a sample. */
export const SAMPLE = 'sample ';

const ROUNDS = 9;

/** Only what is in it is steered: direct requests do not run any program. */
const CGROUP = '/sys/fs/cgroup/mesh';

/** Requests of a round, options of the load generator. */
const PLANS: Readonly<Record<Measure, { readonly requests: number; readonly options: readonly string[] }>> = {
  'new connections, one at a time': { requests: 400, options: ['-k', '1'] },
  'kept connection, one at a time': { requests: 800, options: ['-k', '1000000'] },
  'new connections, 16 at a time': { requests: 800, options: ['-c', '16', '-k', '1'] },
  'kept connections, 16 at a time': { requests: 1600, options: ['-c', '16', '-k', '100'] },
};

export async function run(t: Checks, context: Context): Promise<void> {
  const { mesh } = await prepareMesh(context);
  const [backend] = mesh.addressesOf(['health']);
  fs.mkdirSync(CGROUP);
  const services = [await startFastBackends(), await startNginx(context.folder, `${backend}:${ENDPOINT_PORT}`), await startHaproxy(context.folder, `${backend}:${ENDPOINT_PORT}`)];
  const agent = await startAgent(context, mesh, context.modules['kmesh'], ['--attach-cgroup', 'mesh']);
  try {
    for (const service of services) await pin(context, service);
    await measure(t, context, backend!);
  } finally {
    await agent.stop();
    for (const service of services) await service.stop();
  }
}

/**
 * Everything on one CPU: an idle virtual CPU takes longer to wake than a request takes, and what is measured would be that.
 */
async function pin({ sh }: Context, service: Service): Promise<void> {
  await sh('taskset', '-a', '-p', '-c', '0', String(service.process.pid));
}

async function measure(t: Checks, context: Context, backend: string): Promise<void> {
  const target = (address: string, port: number): Target => ({ address, port, host: 'shop.test', path: '/healthz', allowed: [backend] });
  const targets: Readonly<Record<Way, Target>> = {
    direct: target(backend, ENDPOINT_PORT),
    kmesh: target('10.96.1.10', 80),
    nginx: target('127.0.0.1', NGINX_PORT),
    haproxy: target('127.0.0.1', HAPROXY_PORT),
  };
  // The first round fills caches and the emulator's translations.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const measure of MEASURES) {
      for (const way of turned(WAYS, round)) {
        const sample = await sampleOf(context, round, measure, way, targets[way]);
        if (round > 0) t.note(`${SAMPLE}${JSON.stringify(sample)}`);
      }
    }
    t.note(round === 0 ? 'warmed up' : `round ${round} of ${ROUNDS}`);
  }
}

/** Each way is first in some round. */
const turned = (ways: readonly Way[], by: number): Way[] => [...ways.slice(by % ways.length), ...ways.slice(0, by % ways.length)];

async function sampleOf({ folder }: Context, round: number, measure: Measure, way: Way, target: Target): Promise<Sample> {
  const { requests, options } = PLANS[measure];
  const inMesh = ['sh', '-c', `echo $$ > ${CGROUP}/cgroup.procs; exec "$@"`, 'sh'];
  const launcher = [...(way === 'kmesh' ? inMesh : []), 'taskset', '-c', '0'];
  const { summary, failed } = await new Load(folder, [target], ['-n', String(requests), ...options], launcher).finish();
  if (summary.failures > 0) throw new Error(`${way}, ${measure}: ${summary.failures} requests failed: ${failed[0]}`);
  return { round, measure, way, requests: summary.requests, seconds: summary.seconds, p50_us: summary.p50_us, p99_us: summary.p99_us };
}
