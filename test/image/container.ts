// SPDX-License-Identifier: Apache-2.0
/** A container of podman, started as kubelet would start the one of kmesh.yaml. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DaemonSet, type Probe, readKmeshYaml, type Volume } from './daemonSet.js';

/** What the tests put in the place of a cluster. */
export interface Cluster {
  readonly xdsAddress: string;
  /** Folder whose files stand for token and configuration map, each below the volume's name. */
  readonly volumes: string;
  /** The one thing that is not of the yaml: only this cgroup is steered, not the machine that tests run on. */
  readonly attachCgroup: string;
  /** More arguments for podman: a smaller limit, a folder that is mapped besides. */
  readonly more?: readonly string[];
  readonly command?: readonly string[];
}

const FIELDS: Readonly<Record<string, string>> = { 'spec.nodeName': 'test-node', 'metadata.name': 'kmesh-abcde', 'metadata.namespace': 'kmesh-system', 'status.podIPs': '127.0.0.1' };

const PROPAGATION = { Bidirectional: 'rshared', HostToContainer: 'rslave' };

/** Arguments of `podman run` for the container of kmesh.yaml, or of what a component of deploy/ makes of it. */
export function podmanArguments(image: string, name: string, cluster: Cluster, { container, pod }: DaemonSet = readKmeshYaml()): readonly string[] {
  const source = (one: Volume | undefined): string => {
    if (one === undefined) throw new Error('a mount without its volume');
    if (one.hostPath === undefined) return path.join(cluster.volumes, one.name);
    if (one.hostPath.type === 'DirectoryOrCreate') fs.mkdirSync(one.hostPath.path, { recursive: true });
    if (!fs.statSync(one.hostPath.path).isDirectory()) throw new Error(`${one.hostPath.path} is no ${one.hostPath.type}: kubelet would wait for it`);
    return fs.realpathSync(one.hostPath.path);
  };
  const mounts = container.volumeMounts.flatMap(({ name: volume, mountPath, mountPropagation, readOnly }) => {
    const from = source(pod.volumes.find((one) => one.name === volume));
    const options = [readOnly === true ? 'ro' : 'rw', 'rbind', mountPropagation === undefined ? 'rprivate' : PROPAGATION[mountPropagation]];
    return ['--volume', `${from}:${mountPath}:${options.join(',')}`];
  });
  const env = container.env.flatMap((one) => ['--env', `${one.name}=${one.name === 'XDS_ADDRESS' ? cluster.xdsAddress : 'value' in one ? one.value : FIELDS[one.valueFrom.fieldRef.fieldPath]}`]);
  const limits = ['--ulimit', 'nofile=1024:20000', '--ulimit', 'nproc=1024:1024', '--memory', container.resources.limits.memory.replace('Mi', 'm')];
  return ['run', '--detach', '--name', name, '--runtime', 'runc', ...rightsOf(container.securityContext), '--network', 'host', ...limits, ...env, ...mounts, ...(cluster.more ?? []), ...(cluster.command ?? [image, ...container.args, '--attach-cgroup', cluster.attachCgroup])];
}

/** A container with few rights sees its own part of cgroup2, as under kubelet. */
function rightsOf(context: DaemonSet['container']['securityContext']): readonly string[] {
  if (context.privileged) return ['--privileged', '--cgroupns', 'host'];
  const { drop, add } = context.capabilities;
  return ['--cgroupns', 'private', '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined', ...drop.map((one) => `--cap-drop=${one}`), ...add.map((one) => `--cap-add=${one}`)];
}

export function podman(...args: readonly string[]): string {
  return execFileSync('podman', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
}

/** Both streams, as `kubectl logs` shows them. */
export function logs(name: string): string {
  const { stdout, stderr } = spawnSync('podman', ['logs', name], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return stdout + stderr;
}

export const remove = (name: string): void => void spawnSync('podman', ['rm', '--force', '--time', '5', name]);

export const exitCode = (name: string): number | undefined => {
  const [status, code] = podman('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', name).trim().split(' ');
  return status === 'exited' ? Number(code) : undefined;
};

/** Exit code of a container that ends by itself. @throws when it does not within a minute */
export async function ended(name: string): Promise<number> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(100)) {
    const code = exitCode(name);
    if (code !== undefined) return code;
  }
  throw new Error(`the container goes on:\n${logs(name)}`);
}

/** Asks as kubelet does, until the probe succeeds, the container ends, or the time is over that kubelet gives a container to start. @throws with the log */
export async function waitFor(name: string, probe: Probe): Promise<void> {
  const { startupProbe } = readKmeshYaml().container;
  const deadline = Date.now() + startupProbe.periodSeconds * startupProbe.failureThreshold * 1000;
  for (;;) {
    if ((await ask(probe)) === 200) return;
    if (exitCode(name) !== undefined) throw new Error(`the container ended:\n${logs(name)}`);
    if (Date.now() > deadline) throw new Error(`${probe.httpGet.path} did not succeed:\n${logs(name)}`);
    await delay(100);
  }
}

/** Status code; undefined: nobody answers in time. */
export const ask = ({ httpGet, timeoutSeconds }: Pick<Probe, 'httpGet' | 'timeoutSeconds'>): Promise<number | undefined> =>
  new Promise((resolve) => {
    http
      .get({ host: '127.0.0.1', port: httpGet.port, path: httpGet.path, agent: false, timeout: timeoutSeconds * 1000 }, (response) => resolve(response.resume().statusCode))
      .on('timeout', function (this: http.ClientRequest) { this.destroy(); })
      .on('error', () => resolve(undefined));
  });
