// SPDX-License-Identifier: Apache-2.0
// `npm run test:kube [-- steering | refusals | restarts | scale ...]`: Kmesh on a real Kubernetes with a real istiod (test/kube/README.md). Ends with
// `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { root, setup } from './setup.mjs';
import { buildCompatImage, engineEnv, prepare, saveCompatImage } from './images.mjs';
import { OwnCluster, hasTools } from './own-cluster.mjs';

const CACHE = '/var/cache/kmesh-kube';
const FOLDER = path.join(root, 'test/kube');

function endWith(counts, why) {
  process.stderr.write(`test:kube: ${why}\n`);
  process.stdout.write(`${counts}\n`);
  process.exit(counts.includes(', 1 failed') ? 1 : 0);
}

/** @returns the files of the tests that are asked for */
function chosen(words) {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts'));
  const unknown = words.find((word) => !files.includes(`${word}.test.ts`));
  if (unknown !== undefined) throw new Error(`there is no ${unknown} among ${files.map((name) => name.replace('.test.ts', '')).join(', ')}`);
  return files.filter((name) => words.length === 0 || words.includes(name.replace('.test.ts', ''))).map((name) => path.join('test/kube', name));
}

/** Runs a program to its end. @returns its output, which is shown, too. @throws when it fails */
async function run(file, args, env = process.env) {
  process.stderr.write(`test:kube: ${[file, ...args].join(' ')}\n`);
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 2], env });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (part) => {
    output += part;
    process.stderr.write(part);
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${file} failed (${signal ?? `exit ${code}`})`);
  return output;
}

/** Builds the image and brings it to the nodes, unless KUBE_IMAGE names one that they can have. @returns environment that names it */
async function provideImage(load) {
  const named = process.env.KUBE_IMAGE;
  if (named !== undefined) return { KUBE_IMAGE: named };
  if (load === undefined) throw new Error('set KUBE_LOAD to the command that loads an image archive into the cluster, or KUBE_IMAGE to an image that its nodes can pull');
  prepare();
  buildCompatImage();
  const archive = path.join(CACHE, 'kmesh-compat.tar');
  const [image, next] = saveCompatImage(archive);
  const [file, ...args] = load;
  await run(file, [...args, archive]);
  return { KUBE_IMAGE: image, KUBE_NEXT_IMAGE: next };
}

/** @returns exit code of the tests */
async function runTests(files, prefix, env) {
  const tap = [path.join(root, 'node_modules/tap/dist/esm/run.mjs'), '--jobs=1', '--timeout=3600', `--reporter=${path.join(root, 'scripts/tap-reporter.mjs')}`, ...files];
  const [file, ...args] = [...prefix, process.execPath, ...tap];
  const child = spawn(file, args, { cwd: root, stdio: 'inherit', env });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

const given = process.env.KUBECONFIG !== undefined;
if (!given && !hasTools()) endWith('0 passed, 0 failed, 1 skipped', 'skipped: KUBECONFIG is not set, and there is no ../shared/tools to make a cluster with');
const cluster = given ? undefined : new OwnCluster(CACHE);
// The first one ends what runs, and then the cluster; the second one is for those who cannot wait.
let ended = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (ended += 1) > 1 && process.exit(1));
let status = 1;
let trouble;
try {
  const files = chosen(process.argv.slice(2));
  if (process.getuid() !== 0) throw new Error('needs root: the image is built here');
  setup({ forTests: true, forImages: process.env.KUBE_IMAGE === undefined, forKube: true, forCluster: !given });
  if (given && process.env.XDS_ADDRESS === undefined) throw new Error('set XDS_ADDRESS to the address of istiod with TLS, as in kmesh.yaml');
  const made = (await cluster?.up(run)) ?? { env: {}, prefix: [], load: process.env.KUBE_LOAD?.split(' ').filter(Boolean) };
  const image = await provideImage(made.load);
  status = ended > 0 ? 1 : await runTests(files, made.prefix, { ...process.env, ...engineEnv, ...made.env, ...image });
} catch (error) {
  trouble = error;
} finally {
  await cluster?.down();
}
if (trouble !== undefined) endWith('0 passed, 1 failed', trouble.message);
process.exitCode = status;
