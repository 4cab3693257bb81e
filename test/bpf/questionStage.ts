// SPDX-License-Identifier: Apache-2.0
/** A service address whose route tables ask requests, and three endpoints by which the answers are told. */
import type { Test } from 'tap';
import type { MapSizes } from '../../daemon/maps/records.js';
import { startRequestClient } from './requestClient.js';
import { table } from './routes.js';
import { cluster, frontend } from './mesh.js';
import { openStage, startBackend, stopBackends } from './stage.js';

export const PORT = 80;
export const ADDRESS = '10.96.0.1';

/** Clusters 1, 2 and 3 lead to the backends `yes`, `no` and `default`; requests without an answer take the third. */
export async function openQuestionStage(t: Pick<Test, 'teardown'>, sizes?: MapSizes) {
  t.teardown(stopBackends);
  const yes = await startBackend('yes', '127.0.0.1');
  const no = await startBackend('no', '127.0.0.2');
  const original = await startBackend('default', '127.0.0.3');
  const { dataplane, cgroup } = openStage(sizes === undefined ? {} : { sizes });
  t.teardown(() => dataplane.close());
  const client = startRequestClient(cgroup);
  t.teardown(() => client.close());
  await dataplane.apply([
    ...cluster(1, { v4: [yes] }),
    ...cluster(2, { v4: [no] }),
    ...cluster(3, { v4: [original] }),
    table(1, { any: 1 }),
    ...frontend(1, ADDRESS, PORT, { cluster: 3 }, 1),
  ]);
  return { dataplane, client };
}
