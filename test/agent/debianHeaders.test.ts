// SPDX-License-Identifier: Apache-2.0
// kmesh.ko compiled with a real Debian header tree that is only seen below a folder, read-only, as a container sees the
// host's: Debian's three folders name each other from the root.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { findHeaderTree } from '../../agent/gather/headerTree.js';
import { readSigning } from '../../agent/module/signing.js';
import { findToolchain } from '../../agent/module/toolchain.js';
import { compileModule } from '../../agent/phases/compileModule.js';
import { yes } from '../../agent/probe/fact.js';
import { kernelFacts } from '../../agent/probe/kernelFacts.js';
import { type ModuleVersions, moduleVersions, versionDifferences } from '../../agent/probe/moduleVersions.js';
import { parseOsRelease } from '../../agent/probe/osRelease.js';
import { temporaryFolder, testContext } from '../helpers/agentContext.js';
import { rootedSys } from '../helpers/capturedRoot.js';
import { makePair } from '../helpers/signingPair.js';
import { enterSandbox, run } from '../helpers/sandbox.js';
import { prepareKernel } from '../vm/kernels.js';
import { CACHE } from '../vm/cache.js';

const prepared = existsSync(path.join(CACHE, 'kernels')) && readdirSync(path.join(CACHE, 'kernels')).some((name) => name.startsWith('6.1-'));
const skip = prepared || process.env['CI'] === 'true' ? false : 'needs the headers of Debian\'s 6.1: node scripts/vm-kernel.mjs 6.1';
// Before the sandbox, from which no archive can be reached.
if (skip === false) prepareKernel('6.1');

await enterSandbox(import.meta.url);

t.test('a host that is Debian, in a container', { skip }, async (t) => {
  const { release, buildRoot = '', modules = '' } = prepareKernel('6.1');
  const folder = temporaryFolder(t);
  const usr = path.join(folder, 'host/usr');
  mkdirSync(usr, { recursive: true });
  run('mount', ['--bind', path.join(buildRoot, 'usr'), usr]);
  t.teardown(() => run('umount', ['--recursive', usr]));
  // The packages of the tests have their Makefile changed; this is Debian's own text.
  const common = `/usr/src/${readdirSync(path.join(usr, 'src')).find((name) => name.endsWith('-common'))}/Makefile`;
  writeFileSync(path.join(folder, 'Makefile'), `include ${common}\n`);
  run('mount', ['--bind', path.join(folder, 'Makefile'), path.join(usr, 'src', `linux-headers-${release}`, 'Makefile')]);
  run('mount', ['-o', 'remount,bind,ro', usr]);

  const tree = await findHeaderTree(rootedSys(folder), release);
  t.match(tree, { folder: `/host/usr/src/linux-headers-${release}`, makeWords: ['-C', /^\/host\//, '-f', `/host${common}`], uioHeader: { path: /-common\/include\/linux\/uio\.h$/ } });
  const real = (text: string): string => text.replace(/^\/host\//, `${folder}/host/`);
  const pair = makePair(folder, 'kernel');
  const ctx = testContext(folder, { options: { moduleSigningKey: pair.key, moduleSigningCert: pair.certificate } });
  const build = path.join(folder, 'state/build/k');
  ctx.results.kernel = { ...kernelFacts({ release, architecture: 'x86_64', osRelease: parseOsRelease('ID=debian') }), moduleSupport: yes('a test'), kprobes: yes('a test') };
  ctx.results.kernelFiles = { configText: undefined, headerTree: { ...tree, folder: real(tree.folder ?? ''), makeWords: tree.makeWords?.map(real) }, libbpfVersion: undefined, memoryEventFiles: [] };
  ctx.results.build = { key: 'k'.repeat(64), folder: build, include: build, objects: path.join(build, 'bpf'), module: path.join(build, 'module') };
  ctx.results.toolchain = await findToolchain(ctx, tree.compiler!);
  ctx.results.signing = await readSigning(ctx);
  await compileModule.run(ctx);
  t.match(ctx.results.module, { name: 'kmesh', release, signed: true }, "and signed by the tree's own sign-file");

  const installed = (file: string): ModuleVersions => moduleVersions(readFileSync(file));
  const own = installed(ctx.results.module?.path ?? '');
  t.same(versionDifferences(own, installed(path.join(modules, 'kernel/net/tls/tls.ko'))), [], 'the checksums are those of the kernel that it is for');
  t.ok(own.checksums.size > 20 && own.checksums.has('module_layout'));
  const shared = [...own.checksums.keys()].filter((name) => installed(path.join(modules, 'kernel/net/tls/tls.ko')).checksums.has(name));
  t.ok(shared.length > 10, `${shared.length} symbols were compared`);
});
