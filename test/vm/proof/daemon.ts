// SPDX-License-Identifier: Apache-2.0
/** The daemon in the guest: what it says of itself, and its process. */
import fs from 'node:fs';

const ADMIN = 'http://127.0.0.1:15200';

/** Whether a daemon is ready and routes requests; false while there is none. */
export async function routes(): Promise<boolean> {
  const body = await adminPage<{ l7?: { state: string } }>('/healthz/ready');
  return body?.l7?.state === 'on';
}

/** Counters of routing events, by their names in layout.h. */
export async function routingEvents(): Promise<Readonly<Record<string, number>>> {
  const maps = await adminPage<{ counters: { requests: Record<string, number> } }>('/bpf/kmesh/maps');
  if (maps === undefined) throw new Error('the daemon does not answer');
  return maps.counters.requests;
}

/** Counters of connections by what became of them and why. */
export async function outcomes(): Promise<Readonly<Record<string, unknown>> | undefined> {
  return (await adminPage<{ counters: { reasons: Record<string, unknown> } }>('/bpf/kmesh/maps'))?.counters.reasons;
}

/** The text of /config_dump; undefined while there is no daemon. */
export function configDump(): Promise<string | undefined> {
  return adminText('/config_dump');
}

async function adminPage<T>(page: string): Promise<T | undefined> {
  const text = await adminText(page);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

async function adminText(page: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${ADMIN}${page}`, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/** The daemon that runs now; undefined: none does. */
export function daemonPid(): number | undefined {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const pid = pids.find((one) => {
    try {
      return /\bdaemon\.js\0/.test(fs.readFileSync(`/proc/${one}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
  });
  return pid === undefined ? undefined : Number(pid);
}
