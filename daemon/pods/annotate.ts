// SPDX-License-Identifier: Apache-2.0
import type { KubeClient } from '../kube/client.js';
import { KubeError } from '../kube/errors.js';
import { pageOf } from '../kube/watch.js';
import { podFacts, REDIRECTION, type PodFacts } from '../membership/podFacts.js';

const PAGE = 500;
const AT_ONCE = 8;

/**
 * Puts the annotation of Kmesh on a pod, or takes it away. The uid in the change is a condition: another pod of this name is not touched (409).
 *
 * @returns false: the pod is gone
 * @throws KubeError
 */
export async function annotate(client: Pick<KubeClient, 'patch'>, { namespace, name, uid }: PodFacts, value: boolean, timeoutMs: number): Promise<boolean> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const answer = await client.patch(path, { metadata: { uid, annotations: { [REDIRECTION]: value ? 'enabled' : null } } }, timeoutMs);
  if (answer.status === 404 || answer.status === 409) return false;
  if (answer.status !== 200) throw KubeError.ofStatus(path, answer);
  return true;
}

/** What became of the annotations of a node. */
export interface Released {
  readonly removed: number;
  /** Why there are some left, or may be. */
  readonly failure: KubeError | undefined;
}

/** Takes the annotation from every pod of a node that leaves the mesh, as far as that is done by the deadline. Never rejects. */
export async function releaseAnnotations(client: Pick<KubeClient, 'get' | 'patch'>, nodeName: string, deadlineMs: number): Promise<Released> {
  const end = performance.now() + deadlineMs;
  const leftMs = (): number => Math.max(1, Math.ceil(end - performance.now()));
  let [removed, failure]: [number, KubeError | undefined] = [0, undefined];
  const failed = (error: unknown): void => void (failure ??= KubeError.from(error));
  try {
    const waiting = await annotated(client, nodeName, leftMs);
    const work = async (): Promise<void> => {
      for (let pod = waiting.pop(); pod !== undefined; pod = waiting.pop()) {
        try {
          if (await annotate(client, pod, false, leftMs())) removed += 1;
        } catch (error) {
          failed(error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } catch (error) {
    failed(error);
  }
  return { removed, failure };
}

async function annotated(client: Pick<KubeClient, 'get'>, nodeName: string, leftMs: () => number): Promise<PodFacts[]> {
  const found: PodFacts[] = [];
  let next: string | undefined;
  do {
    const path = `/api/v1/pods?${new URLSearchParams({ fieldSelector: `spec.nodeName=${nodeName}`, limit: String(PAGE), ...(next === undefined ? {} : { continue: next }) })}`;
    const answer = await client.get(path, leftMs());
    if (answer.status !== 200) throw KubeError.ofStatus(path, answer);
    const page = pageOf(answer.body);
    found.push(...page.items.flatMap(factsOf).filter(({ redirection }) => redirection));
    next = page.next;
  } while (next !== undefined);
  return found;
}

/** What the API server sends and is no pod is left out. */
function factsOf(object: unknown): readonly PodFacts[] {
  try {
    return [podFacts(object)];
  } catch {
    return [];
  }
}
