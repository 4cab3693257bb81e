// SPDX-License-Identifier: Apache-2.0
// What the packages hold, need and call themselves; without installing them.
import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../helpers/agentContext.js';
import { ROOT } from '../helpers/node.js';

const packages = process.env['KMESH_TEST_PACKAGES'] ?? '';
const run = (file: string, ...args: readonly string[]): string => execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
const all = fs.readdirSync(packages).sort();
const file = (pattern: RegExp): string => path.join(packages, all.find((name) => pattern.test(name)) ?? 'none');
const DEBS = { kmesh: file(/^kmesh_.*\.deb$/), node: file(/^kmesh-node_.*\.deb$/) };
const RPMS = { kmesh: file(/^kmesh-\d.*\.rpm$/), node: file(/^kmesh-node-\d.*\.rpm$/) };
const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string; engines: { node: string } };

interface Held {
  readonly mode: string;
  readonly owner: string;
}

/** `mode owner name` of each file, as both tools print it. */
function debFiles(deb: string): Map<string, Held> {
  const lines = run('dpkg-deb', '--contents', deb).trim().split('\n').map((line) => /^(\S+) (\S+) +\d+ \S+ \S+ \.(.*?)\/?$/.exec(line) ?? []);
  return new Map(lines.filter(([, , , name]) => name !== '').map(([, mode = '', owner = '', name = '']) => [name, { mode, owner: owner.replace('/', ' ') }]));
}

function rpmFiles(rpm: string): Map<string, Held> {
  const lines = run('rpm', '--query', '--package', '--queryformat', '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]', rpm).trim().split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([mode = '', user, group, name = '']) => [name, { mode, owner: `${user} ${group}` }]));
}

const FILES = { deb: debFiles(DEBS.kmesh), rpm: rpmFiles(RPMS.kmesh), 'deb of node': debFiles(DEBS.node), 'rpm of node': rpmFiles(RPMS.node) };
const executables = (files: ReadonlyMap<string, Held>): readonly string[] => [...files].filter(([, { mode }]) => mode === '-rwxr-xr-x').map(([name]) => name).sort();

t.test('four packages of the version of package.json', async (t) => {
  const deb = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const rpm = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  t.same(all, [`kmesh-${manifest.version}-1.${rpm}.rpm`, `kmesh-node-${manifest.version}-1.${rpm}.rpm`, `kmesh-node_${manifest.version}-1_${deb}.deb`, `kmesh_${manifest.version}-1_${deb}.deb`]);
});

t.test("everything is root's, and nobody else may write or gets rights by it", async (t) => {
  for (const [name, files] of Object.entries(FILES)) {
    t.same([...new Set([...files.values()].map(({ owner }) => owner))], ['root root'], name);
    t.same([...new Set([...files.values()].map(({ mode }) => mode))].sort(), ['-rw-r--r--', '-rwxr-xr-x', 'drwxr-xr-x'], name);
    t.same([...files.keys()].filter((one) => !/^\/(?:etc\/kmesh|usr)(?:\/|$)|^\/etc$/.test(one)), [], `${name}: in the usual places`);
  }
  for (const name of ['deb', 'rpm'] as const) t.same(executables(FILES[name]), ['/usr/bin/kmesh', '/usr/lib/kmesh/cni/kmesh-cni', '/usr/lib/kmesh/start_kmesh.sh'], name);
  for (const name of ['deb of node', 'rpm of node'] as const) t.same(executables(FILES[name]), ['/usr/lib/kmesh-node/node'], name);
});

t.test('the sources of the compat build, licences, unit and settings are in both', async (t) => {
  const sources = run('git', '-C', ROOT, 'ls-files', 'bpf', 'cni', 'kernel').trim().split('\n').filter((name) => !path.basename(name).startsWith('.'));
  t.ok(sources.length > 60);
  const wanted = [...sources, 'agent.js', 'daemon.js', 'package.json', 'sbom.cdx.json'].map((name) => `/usr/lib/kmesh/${name}`);
  for (const name of ['deb', 'rpm'] as const) {
    t.same([...wanted, '/usr/lib/systemd/system/kmesh.service', '/etc/kmesh/kmesh.env'].filter((one) => !FILES[name].has(one)), [], name);
    const texts = [...FILES[name].keys()].filter((one) => /(?:NOTICE|LICENSE|THIRD-PARTY\.txt|GPL-2\.0-only\.txt|BSD-2-Clause\.txt)$/.test(one));
    t.equal(texts.length, 5, `${name}: ${texts.join(' ')}`);
  }
  const shared = (files: ReadonlyMap<string, Held>): readonly string[] => [...files].filter(([one, { mode }]) => mode.startsWith('-') && !/^\/usr\/share\/(?:doc|licenses)\//.test(one)).map(([one]) => one).sort();
  t.same(shared(FILES.deb), shared(FILES.rpm), 'one list of files');
  t.equal(run('rpm', '--query', '--package', '--configfiles', RPMS.kmesh), '/etc/kmesh/kmesh.env\n');
  t.equal(run('dpkg-deb', '--info', DEBS.kmesh, 'conffiles'), '/etc/kmesh/kmesh.env\n');
});

t.test('what they need, in the names of each family', async (t) => {
  const least = /^>=(\d+\.\d+)$/.exec(manifest.engines.node)?.[1];
  const field = (name: string, deb = DEBS.kmesh): readonly string[] => run('dpkg-deb', '--field', deb, name).trim().split(', ');
  t.same(field('Depends'), [`nodejs (>= ${least}) | kmesh-node`, 'libc6', 'libbpf1', 'libstdc++6', 'kmod', 'mount']);
  t.same(field('Recommends'), ['clang', 'make', 'libbpf-dev', 'linux-libc-dev', 'gcc', 'libc6-dev', 'libelf1', 'libdw1', 'openssl']);
  t.same(field('Depends', DEBS.node), ['libc6', 'libstdc++6']);

  const query = (what: string, rpm = RPMS.kmesh): readonly string[] => run('rpm', '--query', '--package', what, rpm).trim().split('\n').filter((one) => !/^rpmlib\(|^\/bin\/sh$/.test(one)).sort();
  t.same(query('--requires'), [`(nodejs >= 1:${least} or kmesh-node)`, 'glibc', 'kmod', 'libbpf', 'libstdc++', 'util-linux']);
  t.same(query('--recommends'), ['clang', 'elfutils-libelf', 'elfutils-libs', 'gcc', 'glibc-devel', 'kernel-headers', 'libbpf-devel', 'make', 'openssl']);
  t.same(query('--requires', RPMS.node), ['glibc', 'libstdc++']);
});

t.test('the bill of materials lists what is bundled, and the terms of each are there', async (t) => {
  const folder = temporaryFolder(t);
  run('dpkg-deb', '--extract', DEBS.kmesh, folder);
  const bill = JSON.parse(fs.readFileSync(path.join(folder, 'usr/lib/kmesh/sbom.cdx.json'), 'utf8')) as { components: { name: string; version: string; purl: string }[] };
  const terms = fs.readFileSync(path.join(folder, 'usr/share/doc/kmesh/THIRD-PARTY.txt'), 'utf8');
  const { packages: lock } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version: string }> };
  for (const { name, version } of bill.components) {
    t.ok(Object.entries(lock).some(([at, one]) => at.endsWith(`node_modules/${name}`) && one.version === version), `${name} ${version} is that of the lock file`);
    t.ok(terms.includes(`\n${name} ${version} (`), `terms of ${name}`);
  }
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  t.same(Object.keys(dependencies).filter((name) => !bill.components.some((one) => one.name === name)), []);
  t.match(fs.readFileSync(path.join(folder, 'usr/share/doc/kmesh/copyright'), 'utf8'), /GPL-2\.0-only OR BSD-2-Clause[^]*common-licenses\/GPL-2[^]*zod \d/);
});

t.test('the same tree gives the same bytes, whenever and wherever it is built', async (t) => {
  const output = temporaryFolder(t);
  const digests = (folder: string): readonly string[] => all.map((name) => `${name} ${createHash('sha256').update(fs.readFileSync(path.join(folder, name))).digest('hex')}`);
  execFileSync(process.execPath, [path.join(ROOT, 'packaging/package.mjs'), '--format=deb', '--format=rpm', `--output=${output}`], { cwd: '/', stdio: 'ignore', env: { ...process.env, TMPDIR: temporaryFolder(t), TZ: 'Asia/Tokyo', LC_ALL: 'C' } });
  t.same(digests(output), digests(packages));
});

/** Errors of the judges that stand, with the reason. */
const ACCEPTED: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/kmesh-node: (?:embedded-library|unstripped-binary-or-object)/, 'the binary is that of nodejs.org, unchanged'],
  [/kmesh-node: copyright-file-contains-full-apache-2-license/, 'the text is that of nodejs.org, unchanged'],
  [/statically-linked-binary.*kmesh-cni/, 'it runs on the node itself, whatever C library is there'],
  [/root-in-contact|bogus-mail-host|mail-contact/, 'who publishes a package names themselves by PACKAGER'],
  [/no-signature/, 'signed by who publishes it'],
  [/no-group-tag/, 'Fedora and openEuler forbid the tag'],
  [/explicit-lib-dependency/, 'koffi opens libbpf while the daemon runs: no tool sees that in a file'],
];

t.test('lintian and rpmlint find no error', async (t) => {
  const judge = (tool: string, ...args: readonly string[]): readonly string[] => {
    const { stdout, error } = spawnSync(tool, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    if (error !== undefined) throw error;
    t.match(stdout, tool === 'rpmlint' ? /2 packages and 0 specfiles checked/ : /^[WE]: kmesh/m, `${tool} looked at them`);
    return stdout.split('\n').filter((line) => /^E: |: E: /.test(line));
  };
  const errors = [...judge('lintian', '--allow-root', '--no-cfg', DEBS.kmesh, DEBS.node), ...judge('rpmlint', RPMS.kmesh, RPMS.node)];
  t.same(errors.filter((line) => !ACCEPTED.some(([pattern]) => pattern.test(line))), []);
});
