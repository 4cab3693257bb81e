// SPDX-License-Identifier: Apache-2.0
// The prebuilt image on its kernel, and the one for another kernel here.
import fs from 'node:fs';
import t from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { enterSandbox, run } from '../helpers/sandbox.js';
import { ended, exitCode, logs, podman, podmanArguments, remove, waitFor } from './container.js';
import { readKmeshYaml } from './daemonSet.js';
import { answer, leftovers, makePlace, startBackends } from './place.js';

await enterSandbox(import.meta.url);

const env = (name: string): string => process.env[name] ?? '';
const { container, pod } = readKmeshYaml();
const name = `kmesh-test-${process.pid}`;
const { cluster, cgroup } = makePlace(temporaryFolder(t));
t.teardown(await startBackends());
t.teardown(() => remove(name));

t.test('on its kernel it takes its bundle, and steers', async (t) => {
  podman(...podmanArguments(env('KMESH_TEST_PREBUILT'), name, cluster));
  await waitFor(name, container.readinessProbe);
  t.match(logs(name), /the bundle \/usr\/lib\/kmesh\/bundles\/kmesh\.tar is for this kernel and is used/);
  t.match(await answer(cgroup, 'http://10.96.0.10/'), /^v/);
  podman('stop', '--time', String(pod.terminationGracePeriodSeconds), name);
  t.equal(exitCode(name), 0, logs(name));
  t.same(leftovers(), []);
  remove(name);
});

t.test('on another it ends, says which kernels differ, and what to use instead', async (t) => {
  // What the image before left is a build for this kernel, and would be used.
  fs.rmSync('/var/lib/kmesh', { recursive: true });
  podman(...podmanArguments(env('KMESH_TEST_OTHER'), name, cluster));
  t.equal(await ended(name), 12, logs(name));
  const said = logs(name);
  t.match(said, `kernel ${env('KMESH_TEST_OTHER_RELEASE')}, here `);
  t.match(said, /KM_BUNDLE_UNFIT[^]*Use the compat image/);
  t.same(leftovers(), []);
  remove(name);
});

t.test('no compiler is in it, and Node is a supported one', async (t) => {
  const inside = (...command: string[]): string => podman('run', '--rm', '--runtime', 'runc', '--network', 'host', '--privileged', '--ulimit', 'nofile=1024:20000', '--ulimit', 'nproc=1024:1024', '--entrypoint', '', env('KMESH_TEST_OTHER'), ...command);
  t.equal(inside('sh', '-c', 'for name in gcc cc clang make npm ld python3; do command -v $name; done; true'), '');
  t.match(inside('node', '--version'), /^v24\./);
  t.match(inside('cat', '/usr/lib/kmesh/packages.txt'), /^libbpf1 \S+$/m);
  t.match(run('podman', ['inspect', '--format', '{{json .Config.Labels}}', env('KMESH_TEST_OTHER')]), `"io.kmesh.kernel-release":"${env('KMESH_TEST_OTHER_RELEASE')}"`);
});
