// SPDX-License-Identifier: Apache-2.0
// The compat image, run as kmesh.yaml says: it compiles on this node, gets ready, steers, and goes without a trace.
import fs from 'node:fs';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { ask, exitCode, logs, podman, podmanArguments, remove, waitFor } from './container.js';
import { readKmeshYaml } from './daemonSet.js';
import { answer, leftovers, makePlace, startBackends } from './place.js';

await enterSandbox(import.meta.url);

const image = process.env['KMESH_TEST_COMPAT'] ?? '';
const { container, pod } = readKmeshYaml();
const grace = pod.terminationGracePeriodSeconds;
const name = `kmesh-test-${process.pid}`;
const { cluster, cgroup } = makePlace(temporaryFolder(t));
const closeBackends = await startBackends();
t.teardown(closeBackends);
t.teardown(() => remove(name));

/** @returns seconds that the stop took */
function stop(): number {
  const began = Date.now();
  podman('stop', '--time', String(grace), name);
  return (Date.now() - began) / 1000;
}

async function steers(t: Test): Promise<void> {
  for (const url of ['http://10.96.0.10/', 'http://[fd00:10:96::10]/']) t.match(await answer(cgroup, url), /^v1-[ab]$|^v2$/, url);
  t.equal(await answer(cgroup, 'http://10.96.0.12/'), 'ECONNREFUSED');
}

t.test('as in kmesh.yaml: compiles, ready, steers, ends', async (t) => {
  podman(...podmanArguments(image, name, cluster));
  await waitFor(name, container.startupProbe);
  await waitFor(name, container.readinessProbe);
  t.equal(await ask(container.livenessProbe), 200);
  await steers(t);
  t.match(logs(name), /phase compile-bpf \(4\/9\): done[^]*L7 HTTP routing[^]*ready: this node is in the mesh/);
  if (process.env['KMESH_KEEP_LOG'] !== undefined) fs.writeFileSync(process.env['KMESH_KEEP_LOG'], logs(name));
  t.ok(stop() < grace, 'inside its grace period');
  t.equal(exitCode(name), 0, logs(name));
  t.same(leftovers(), [], 'no mount, no pin');
  t.same(fs.readdirSync('/var/lib/kmesh'), ['agent.lock', 'build'], 'the build stays for the next start');
  remove(name);
});

t.test('again, with 400 MiB, without a compiler running; then cold in the old form of the command', async (t) => {
  const small = { ...cluster, more: [...(cluster.more ?? []), '--memory', '400m'] };
  podman(...podmanArguments(image, name, small));
  await waitFor(name, container.readinessProbe);
  t.match(logs(name), /memory limit 400 MiB[^]*the eBPF programs of build [0-9a-f]{12} are there already/);
  stop();
  remove(name);

  fs.rmSync('/var/lib/kmesh/build', { recursive: true });
  const old = [`./start_kmesh.sh -mode=ads --attach-cgroup=${cluster.attachCgroup}`];
  podman(...podmanArguments(image, name, { ...small, command: ['--entrypoint', '["/bin/sh","-c"]', image, ...old] }));
  await waitFor(name, container.readinessProbe);
  t.notMatch(logs(name), /are there already/);
  t.match(podman('exec', name, 'cat', '/proc/1/cmdline').split('\0'), [/node$/, /agent\.js$/, '-mode=ads'], 'PID 1 is the agent');
  await steers(t);
  t.ok(stop() < grace);
  t.equal(exitCode(name), 0, logs(name));
  t.same(leftovers(), []);
  remove(name);
});
