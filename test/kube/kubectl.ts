// SPDX-License-Identifier: Apache-2.0
/** kubectl as a user runs it, for the cluster that KUBECONFIG names. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** KUBE_PATIENCE multiplies every time limit, for machines that are slow or busy. */
export const PATIENCE = Number(process.env['KUBE_PATIENCE'] ?? '1');

/** Standard output. @throws with what kubectl says on standard error */
export function kubectl(...args: readonly string[]): string {
  return execFileSync('kubectl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28, timeout: 300_000 * PATIENCE });
}

/** The object, or list of objects, that `kubectl get` prints. */
export const get = <T>(...args: readonly string[]): T => JSON.parse(kubectl('get', ...args, '--output', 'json')) as T;

/** For `kubectl wait` and `rollout status`. */
export const limit = (seconds: number): string => `--timeout=${Math.ceil(seconds * PATIENCE)}s`;

/** Output of a program in a pod. */
export const inPod = (namespace: string, pod: string, ...command: readonly string[]): string => kubectl('exec', '--namespace', namespace, pod, '--', ...command);

/**
 * Looks until there is something to see. The pause is for the API server's sake alone.
 *
 * @throws when `seconds` are over, with what was seen last
 */
export async function until<T>(what: string, seconds: number, look: () => T | undefined | Promise<T | undefined>, last: () => string = () => ''): Promise<T> {
  for (const deadline = Date.now() + seconds * PATIENCE * 1000; ; await delay(200)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds * PATIENCE} s\n${last()}`);
  }
}

/** A container's log from its start to its end, followed while it lives. */
export class FollowedLog {
  #text = '';
  readonly #end: Promise<unknown>;

  constructor(namespace: string, pod: string) {
    const child = spawn('kubectl', ['logs', '--follow', '--namespace', namespace, pod], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.setEncoding('utf8').on('data', (part: string) => (this.#text += part));
    this.#end = once(child, 'close');
  }

  /** Resolves when the container is gone. */
  async whole(): Promise<string> {
    await this.#end;
    return this.#text;
  }
}
