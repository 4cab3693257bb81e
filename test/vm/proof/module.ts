// SPDX-License-Identifier: Apache-2.0
/** kmesh.ko in the guest: what it shows of itself, and its removal by the agent's protocol. */
import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../guest/scenario.js';

const FOLDER = '/sys/module/kmesh';
/** Holds the module for as long as it is pinned. */
const REQUEST_LINK = '/sys/fs/bpf/bpf_kmesh/links/request';

/** Bounds of single waits, far above what they take. */
const DRAIN_MS = 10_000;
const UNLOAD_MS = 20_000;
const POLL_MS = 10;

export const isLoaded = (): boolean => fs.existsSync(`${FOLDER}/parameters/abi`);

export const counter = (name: string): number => Number(fs.readFileSync(`${FOLDER}/counters/${name}`, 'utf8'));

export function setParameter(name: string, value: number): void {
  fs.writeFileSync(`${FOLDER}/parameters/${name}`, String(value));
}

/** The note that the linker makes of the module's content. */
export const buildId = (): string => fs.readFileSync(`${FOLDER}/notes/.note.gnu.build-id`).subarray(-20).toString('hex');

/** Stops takeovers, waits until no connection is held back, gives up the link, unloads. */
export async function remove({ sh }: Context): Promise<void> {
  setParameter('accepting', 0);
  await until('every connection that was held back has gone on', DRAIN_MS, () => counter('deferred') === 0);
  fs.rmSync(REQUEST_LINK, { force: true });
  // Programs are freed a moment after their last link is gone, and hold the module until then.
  let refusal = '';
  await until('the module is unloaded', UNLOAD_MS, async () => {
    refusal = await sh('rmmod', 'kmesh').then(() => '', (error: Error) => error.message);
    return refusal === '' || !isLoaded();
  }, () => refusal);
}

/** Waits for what the kernel does in its own time and tells nobody. */
export async function until(what: string, limitMs: number, holds: () => boolean | Promise<boolean>, detail: () => string = () => ''): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what} ${detail()}`);
    await pause(POLL_MS);
  }
}
