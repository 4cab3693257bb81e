// SPDX-License-Identifier: Apache-2.0
// The troubles that users of the shell script met, each made on purpose with the compat image: what they see now. With KMESH_KEEP_LOGS=FOLDER
// the logs are kept there.
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { EXIT_CODES } from '../../agent/errors.js';
import { temporaryFolder } from '../helpers/agentContext.js';
import { enterSandbox } from '../helpers/sandbox.js';
import { ended, logs, podman, podmanArguments, remove, waitFor } from './container.js';
import { readKmeshYaml } from './daemonSet.js';
import { leftovers, makePlace } from './place.js';

await enterSandbox(import.meta.url);

const image = process.env['KMESH_TEST_COMPAT'] ?? '';
const { container, pod } = readKmeshYaml();
const name = `kmesh-test-${process.pid}`;
const { cluster } = makePlace(temporaryFolder(t));
const more = cluster.more ?? [];
/** Of kmesh-daemon, passed on (docs/errors.md). */
const DATAPLANE_EXIT = 3;
t.teardown(() => remove(name));

/** The log of a container that was started by these arguments, made and ended. */
async function logOf(trouble: string, args: readonly string[], until: () => Promise<unknown>): Promise<string> {
  podman(...args);
  await until();
  podman('stop', '--time', String(pod.terminationGracePeriodSeconds), name);
  const log = logs(name);
  remove(name);
  const kept = process.env['KMESH_KEEP_LOGS'];
  if (kept !== undefined) fs.writeFileSync(path.join(kept, `${trouble.replaceAll(' ', '-')}.log`), log);
  return log;
}

const ready = (): Promise<void> => waitFor(name, container.readinessProbe);

/** A start that is refused ends with the exit code of the error's class, says code and remedy last, and leaves nothing. */
async function refused(t: Test, trouble: string, args: readonly string[], exit: number, wanted: RegExp): Promise<void> {
  let code: number | undefined;
  const log = await logOf(trouble, args, async () => (code = await ended(name)));
  t.equal(code, exit, log);
  t.match(log, wanted);
  t.same(leftovers(), []);
}

const mapped = (args: readonly string[], from: string, to: string): readonly string[] => args.map((word) => (word.startsWith(`${from}:`) ? word.replace(from, to) : word));

t.test('no kernel headers, no kernel-devel: connections are steered all the same, and the log names what is missing', async (t) => {
  const usr = path.join(temporaryFolder(t), 'usr');
  fs.mkdirSync(usr);
  const log = await logOf('no headers', mapped(podmanArguments(image, name, cluster), '/usr', usr), ready);
  t.match(log, /"name":"l7-http",[^}]*"state":"off","reason":"[^"]+"[^]*ready: this node is in the mesh/);
});

t.test('a folder in the place of bpf.h, as container engines make it of a file that the host lacks', async (t) => {
  const usr = path.join(temporaryFolder(t), 'usr');
  fs.mkdirSync(path.join(usr, 'include/linux/bpf.h'), { recursive: true });
  const log = await logOf('a folder for bpf.h', mapped(podmanArguments(image, name, cluster), '/usr', usr), ready);
  t.match(log, /KM_HELPERS_DIRECTORY: \/host\/usr\/include\/linux\/bpf\.h is a directory[^]*ready: this node is in the mesh/);
});

t.test('a kubeconfig that is named and not there', async (t) => {
  await refused(t, 'kubeconfig', [...podmanArguments(image, name, cluster), '--kubeconfig=/root/.kube/config'], EXIT_CODES.cluster, /KM_KUBECONFIG_MISSING[^\n]*\/root\/\.kube\/config[^]*a pod asks by its own account/);
});

t.test('a folder in the place of the kubeconfig', async (t) => {
  const folder = temporaryFolder(t);
  const args = podmanArguments(image, name, { ...cluster, more: [...more, '--volume', `${folder}:/root/.kube/config:ro`] });
  await refused(t, 'a folder for the kubeconfig', [...args, '--kubeconfig=/root/.kube/config'], EXIT_CODES.cluster, /KM_KUBECONFIG_MISSING[^\n]*\/root\/\.kube\/config/);
});

t.test('too little memory to compile', async (t) => {
  fs.rmSync('/var/lib/kmesh/build', { recursive: true, force: true });
  await refused(t, 'memory', podmanArguments(image, name, { ...cluster, more: [...more, '--memory', '48m'] }), EXIT_CODES.build, /KM_BUILD_MEMORY[^\n]*limit 48 MiB[^]*resources\.limits\.memory/);
});

t.test('enough memory to compile, and too little for the maps', async (t) => {
  await refused(t, 'memory for maps', podmanArguments(image, name, { ...cluster, more: [...more, '--memory', '120m'] }), DATAPLANE_EXIT, /KM_BPF_MEMORY[^\n]*resources\.limits\.memory/);
});

t.test('package tools without network: there is none here, and none is wanted', async (t) => {
  const log = await logOf('no network', podmanArguments(image, name, cluster), ready);
  t.notMatch(log, /\b(?:apt|apt-get|dnf|yum|rpm|npm|curl|wget)\b.*(?:resolv|download|fetch|network)/i);
});
