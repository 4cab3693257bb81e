// SPDX-License-Identifier: Apache-2.0
// A bundle for a kernel that does not run here, by its header tree alone; and an image that brings bundles with it.
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readBundle } from '../../agent/build/bundle.js';
import { parseCommandLine } from '../../agent/cli.js';
import { bundle } from '../../agent/commands/bundle.js';
import { findBundle, ownBundles } from '../../agent/compile/bundles.js';
import { exec } from '../../agent/exec.js';
import { SEQUENCE } from '../../agent/sequence.js';
import { detectKernel } from '../../agent/phases/detectKernel.js';
import { readHelpers } from '../../agent/phases/readHelpers.js';
import { setMacros } from '../../agent/phases/setMacros.js';
import { sys } from '../../agent/sys.js';
import { sysForKernel } from '../../agent/sysForKernel.js';
import { projectRoot, temporaryFolder, testContext, type TestContext } from '../helpers/agentContext.js';
import { headerTree, makeRoot } from '../helpers/capturedRoot.js';

const RELEASE = '6.9.0-another';
const CONFIG = ['CONFIG_BPF_SYSCALL=y', 'CONFIG_CGROUP_BPF=y', 'CONFIG_IPV6=y', 'CONFIG_GCC_VERSION=120200', 'CONFIG_CC_VERSION_TEXT="gcc (GCC) 12.2.0"'];

/** A kernel without modules and without the helper set_retval, which every kernel of the tests has. */
function treeOf(folder: string): string {
  const tree = path.join(folder, 'headers');
  makeRoot('/', headerTree(tree, RELEASE, { config: CONFIG }));
  const header = readFileSync('/usr/include/linux/bpf.h', 'utf8').replace('FN(set_retval', 'FN(none');
  makeRoot(tree, { 'include/uapi/linux/bpf.h': header, 'include/linux/uio.h': 'enum iter_type { ITER_IOVEC };\n' });
  return tree;
}

const builder = (folder: string, kernelHeaders: string): TestContext => testContext(folder, { options: { kernelHeaders, kernelRelease: RELEASE }, sys: sysForKernel(sys, RELEASE) });

/** An install folder with bundles of its own, on a node without compilers. */
function image(folder: string, bundles: readonly string[]): (release: string) => TestContext {
  const root = path.join(folder, 'kmesh');
  mkdirSync(path.join(root, 'bundles'), { recursive: true });
  for (const name of ['bpf', 'kernel', 'package.json', 'daemon.js']) symlinkSync(path.join(projectRoot, name), path.join(root, name));
  for (const file of bundles) copyFileSync(file, path.join(root, 'bundles', path.basename(file)));
  return (release) => testContext(folder, { root, sys: sysForKernel(sys, release), exec: (file, args, how) => exec(/^(clang|gcc|make)/.test(file) ? '/nowhere/tool' : file, args, how) });
}

t.test('what the running kernel says of itself does not get into a bundle for another', async (t) => {
  const folder = temporaryFolder(t);
  const tree = treeOf(folder);
  const file = path.join(folder, 'out.tar');
  const ctx = builder(folder, tree);
  t.equal(await bundle(ctx, SEQUENCE, file), 0, ctx.lines.map(({ msg }) => msg).join('\n'));
  const { manifest } = readBundle(readFileSync(file));
  t.match(manifest.identity, { release: RELEASE, configSha256: null, moduleSymversSha256: /^[0-9a-f]{64}$/, macros: { KM_HAVE_SET_RETVAL: 0, ITER_TYPE_IS_UBUF: 0, KERNEL_KFUNC: null } });
  t.match(ctx.lines.map(({ msg }) => msg).join('\n'), new RegExp(`BPF helpers, from ${tree}/include/uapi/linux/bpf\\.h[^]*CONFIG_MODULES is not in ${tree}/include/config/auto\\.conf`));

  const bare = builder(temporaryFolder(t), path.join(folder, 'nothing'));
  t.equal(await bundle(bare, SEQUENCE, path.join(folder, 'none.tar')), 11, 'without a tree nothing is known of the kernel');
  t.match(bare.lines.map(({ msg }) => msg).join('\n'), /KM_HELPERS_MISSING/);
});

t.test('an image takes its own bundle on its kernel, and names the compat image on another', async (t) => {
  const folder = temporaryFolder(t);
  const tree = treeOf(folder);
  const file = path.join(folder, 'kmesh.tar');
  await bundle(builder(folder, tree), SEQUENCE, file);
  const node = image(temporaryFolder(t), [file]);
  const up = async (ctx: TestContext): Promise<void> => {
    await detectKernel.run(ctx);
    const { kernelFiles } = ctx.results;
    // The node itself has no headers; its helpers come from the kernel, here from the tree's header.
    await readHelpers.run({ ...ctx, options: { ...ctx.options, bpfHeader: path.join(tree, 'include/uapi/linux/bpf.h') } });
    t.equal(kernelFiles?.headerTree.folder, undefined);
    await setMacros.run(ctx);
  };
  const its = node(RELEASE);
  await up(its);
  t.match(its.results.prebuilt, { title: /^the bundle .*\/kmesh\/bundles\/kmesh\.tar$/ });
  await t.rejects(up(node('6.9.1-another')), { code: 'KM_BUNDLE_UNFIT', exitCode: 12, detail: /kernel 6\.9\.0-another, here 6\.9\.1-another/, remedy: /^Use the compat image \(Dockerfile\.compat\)/ });
});

t.test('an install folder without bundles has none', async (t) => {
  const ctx = testContext(temporaryFolder(t));
  t.equal(await ownBundles(ctx), undefined);
  t.equal(await findBundle(ctx, {} as never), undefined);
});

t.test('only bundle takes --kernel-release', async (t) => {
  const vocabulary = { phases: SEQUENCE, capabilities: [], terminal: false };
  t.match(await parseCommandLine(['bundle', '--kernel-release', RELEASE], vocabulary), { options: { kernelRelease: RELEASE } });
  t.match(await parseCommandLine(['bundle'], vocabulary), { options: { kernelRelease: undefined } });
});
