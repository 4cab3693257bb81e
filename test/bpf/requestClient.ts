// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { spawnInCgroup } from '../helpers/sandbox.js';
import { buildProgram } from '../kernel/build.js';
import { LAYOUT_VERSION } from '../../daemon/maps/layout.js';
import { parseConnection, type Connection } from './client.js';
import { PIN_ROOT } from './stage.js';

let program: string | undefined;

export interface RequestClient {
  /** Connects `count` times while the request that begins with `head` is shown; with an empty one none is. */
  connect(address: string, port: number, head: string | Buffer, count?: number): Promise<Connection[]>;
  close(): Promise<void>;
}

/** Starts requestClient.c in a cgroup whose programs share the pinned km_request with it. */
export function startRequestClient(cgroup: string): RequestClient {
  program ??= buildProgram({ sources: ['../bpf/requestClient.c'], options: ['-O1'] });
  const child = spawnInCgroup(cgroup, program, [path.join(PIN_ROOT, `maps-v${LAYOUT_VERSION}`, 'km_request')]);
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    async connect(address, port, head, count = 1) {
      const bytes = Buffer.from(head as string, 'latin1');
      child.stdin!.write(Buffer.concat([Buffer.from(`${address} ${port} ${count} ${bytes.length}\n`), bytes]));
      const connections: Connection[] = [];
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`requestClient ended with ${String((await ended)[0])}`);
        if (value === '') return connections;
        connections.push(parseConnection(value as string));
      }
    },
    async close() {
      child.stdin!.end();
      await ended;
    },
  };
}
