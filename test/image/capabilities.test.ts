// SPDX-License-Identifier: Apache-2.0
// The compat image with the capabilities of deploy/capabilities instead of `privileged`.
import t from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { exitCode, logs, podman, podmanArguments, remove, waitFor } from './container.js';
import { withComponent } from './daemonSet.js';
import { answer, leftovers, makePlace, startBackends } from './place.js';

await enterSandbox(import.meta.url);

const image = process.env['KMESH_TEST_COMPAT'] ?? '';
const variant = withComponent('capabilities');
const name = `kmesh-test-${process.pid}`;
const { cluster, cgroup } = makePlace(temporaryFolder(t));
t.teardown(await startBackends());
t.teardown(() => remove(name));

t.test('ready, steers, goes without a trace', async (t) => {
  podman(...podmanArguments(image, name, cluster, variant));
  await waitFor(name, variant.container.readinessProbe);
  t.equal(podman('inspect', '--format', '{{.HostConfig.Privileged}}', name).trim(), 'false');
  for (const url of ['http://10.96.0.10/', 'http://[fd00:10:96::10]/']) t.match(await answer(cgroup, url), /^v1-[ab]$|^v2$/, url);
  t.equal(await answer(cgroup, 'http://10.96.0.12/'), 'ECONNREFUSED');
  podman('stop', '--time', String(variant.pod.terminationGracePeriodSeconds), name);
  t.equal(exitCode(name), 0, logs(name));
  t.same(leftovers(), [], 'no mount, no pin, no folder');
});

t.test('without SYS_ADMIN the start ends, and says what is missing', async (t) => {
  remove(name);
  const args = podmanArguments(image, name, cluster, variant).filter((word) => word !== '--cap-add=SYS_ADMIN');
  podman(...args);
  await t.rejects(waitFor(name, variant.container.readinessProbe), /KM_PRIVILEGES/);
  t.equal(exitCode(name), 16, logs(name));
  t.same(leftovers(), []);
});
