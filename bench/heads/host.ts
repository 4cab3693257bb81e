// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { buildProgram } from '../../test/kernel/build.js';

interface Times {
  readonly bytes: number;
  readonly headers: number;
  /** Nanoseconds. */
  readonly scan: number;
  readonly build: number;
  readonly byteByByte: number;
  readonly connect: number;
}

const HEADS: Readonly<Record<string, readonly string[]>> = {
  'curl': ['GET /productpage HTTP/1.1', 'Host: productpage:9080', 'User-Agent: curl/8.5.0', 'Accept: */*'],
  'a browser in a mesh': [
    'GET /productpage?u=normal&page=2 HTTP/1.1', 'Host: productpage.default.svc.cluster.local:9080',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
    'Accept-Language: en-US,en;q=0.5', 'Accept-Encoding: gzip, deflate, br', 'Cookie: session=3f0c3f3e55e49d9e; user=jason',
    'x-request-id: 3f0c3f3e-55e4-9d9e-8d8a-0f1f0a1f9f11', 'x-b3-traceid: 80f198ee56343ba864fe8b2a57d3eff7', 'end-user: jason',
  ],
  'as many headers as can be': ['GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 127 }, (_, n) => `x-${n}: ${n}`)],
  'a cookie of 8 kB': ['GET / HTTP/1.1', 'Host: a', `Cookie: ${'c'.repeat(8192)}`],
};

const program = buildProgram({ sources: [path.resolve('bench/heads/timeHeads.c')], options: ['-O2'] });
process.stdout.write('\nRequest heads, in userspace: nanoseconds, and the share of a TCP connection over loopback\n');
for (const [name, lines] of Object.entries(HEADS)) {
  const times = JSON.parse(execFileSync(program, { input: `${lines.join('\r\n')}\r\n\r\n`, encoding: 'utf8' })) as Times;
  const share = (times.scan + times.build) / times.connect;
  process.stdout.write(
    `  ${name.padEnd(26)} ${String(times.bytes).padStart(5)} bytes  scan ${times.scan.toFixed(0).padStart(6)}  record ${times.build.toFixed(0).padStart(5)}` +
      `  byte by byte ${times.byteByByte.toFixed(0).padStart(6)}  connection ${times.connect.toFixed(0).padStart(6)}  share ${share.toFixed(3)}\n`,
  );
}
