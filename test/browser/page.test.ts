// SPDX-License-Identifier: Apache-2.0
// The agent's page as a browser shows it, in a network namespace where nothing but the agent answers: what the page would need from
// elsewhere would be missing. With KMESH_KEEP_PAGE=FILE the picture is kept there (docs/images/status-page.png).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { ROOT, TestNode } from '../helpers/node.js';
import { enterSandbox, makeCgroup } from '../helpers/sandbox.js';

await enterSandbox(import.meta.url);

const WIDTH = 1000;
const HEIGHT = 1240;
const PNG_MAGIC = Buffer.from('89504e470d0a1a0a', 'hex');
/** As root, without a GPU, and without what a browser does on its own account. */
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', `--window-size=${WIDTH},${HEIGHT}`];

/** @returns what it wrote to stdout: the document after it was loaded, with --dump-dom */
async function chromium(args: readonly string[]): Promise<string> {
  const child = spawn('chromium', [...FLAGS, `--user-data-dir=${temporaryFolder(t)}`, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`chromium ended with ${code}`);
  return text;
}

const node = new TestNode({ cgroup: makeCgroup(), xdsAddress: `file://${ROOT}/samples/mesh`, env: { NODE_NAME: 'node-1' } });
t.teardown(async () => {
  await node.stop();
  node.remove();
});
node.start();
await node.ready();
const url = `http://127.0.0.1:${String(node.log.find((line) => line['statusPort'] !== undefined)!['statusPort'])}/`;

t.test('the browser has the phases, the capabilities and the daemon in tables', async (t) => {
  const dom = await chromium(['--dump-dom', url]);
  t.match(dom, /<title>Kmesh: /);
  t.match(dom, /<h1>Kmesh on [^<]+: <span class="good">ready<\/span><\/h1>/);
  t.match(dom, /<td>L4 steering, IPv4<\/td><td class="state good">on<\/td>/);
  for (const phase of ['detect-kernel', 'compile-bpf', 'supervise-daemon']) t.match(dom, new RegExp(`<td>${phase}</td><td class="state good">done</td><td class="n">\\d+</td>`));
  t.match(dom, /<p>ready, pid \d+, started again 0 times<\/p>/);
});

t.test('it draws the whole page', async (t) => {
  const file = path.join(temporaryFolder(t), 'page.png');
  await chromium([`--screenshot=${file}`, '--hide-scrollbars', url]);
  const png = fs.readFileSync(file);
  if (process.env['KMESH_KEEP_PAGE'] !== undefined) fs.copyFileSync(file, process.env['KMESH_KEEP_PAGE']);
  t.ok(png.subarray(0, 8).equals(PNG_MAGIC));
  // The header chunk IHDR: width, then height (PNG specification, 11.2.2).
  t.same([png.readUInt32BE(16), png.readUInt32BE(20)], [WIDTH, HEIGHT]);
  t.ok(png.length > 20_000, 'there is text on it: an empty page takes a tenth of that');
});
