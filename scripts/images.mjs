// SPDX-License-Identifier: Apache-2.0
// The images of the tests, built from the real Dockerfiles on a Debian base of this machine's own mirror, and the packages. All is kept in one folder
// outside of the repository, with a storage of its own, so that images of the user are not touched.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makePackages } from './package.mjs';
import { root } from './setup.mjs';

const CACHE = process.env.KMESH_IMAGE_CACHE ?? '/var/cache/kmesh-image';
/** For what ends with a boot; one for each cache. */
const RUN = `/run/${path.basename(CACHE)}`;
const SUITE = 'trixie';
const BASE = `localhost/kmesh-test-base:${SUITE}-security`;

/** For podman and buildah. */
export const engineEnv = { CONTAINERS_STORAGE_CONF: path.join(CACHE, 'storage.conf'), CONTAINERS_CONF: path.join(CACHE, 'containers.conf') };

const POLICY = '/etc/containers/policy.json';

function run(file, args, { output = false } = {}) {
  process.stderr.write(`images: ${[file, ...args].join(' ')}\n`);
  const result = spawnSync(file, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', output ? 'pipe' : 2, 2], env: { ...process.env, ...engineEnv } });
  if (result.error || result.status !== 0) throw new Error(`${file} failed (${result.error?.message ?? result.signal ?? `exit ${result.status}`})`);
  return result.stdout;
}

function configure() {
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(engineEnv.CONTAINERS_STORAGE_CONF, `[storage]\ndriver = "overlay"\ngraphroot = "${CACHE}/storage"\nrunroot = "${RUN}"\n`);
  writeFileSync(engineEnv.CONTAINERS_CONF, '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n');
  if (!existsSync(POLICY)) throw new Error(`${POLICY} is missing; it belongs to the package golang-github-containers-common`);
}

/** An archive that this machine's own apt uses: of Debian, or of its security updates. */
function mirror(wanted) {
  const lines = run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(LABEL) $(REPO_URI)'], { output: true }).split('\n');
  const found = lines.map((line) => line.split(' ')).find(([origin, label]) => origin === 'Debian' && label === wanted)?.[2];
  if (found === undefined) throw new Error(`this machine's apt knows no mirror of ${wanted}, or has no lists yet: apt-get update`);
  return found;
}

/** A minimal Debian, with the certificates that this machine trusts besides the usual ones. */
function makeBase() {
  if (spawnSync('podman', ['image', 'exists', BASE], { env: { ...process.env, ...engineEnv } }).status === 0) return;
  const tree = path.join(CACHE, `${SUITE}-root`);
  rmSync(tree, { recursive: true, force: true });
  run('debootstrap', ['--variant=minbase', '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg', SUITE, tree, mirror('Debian')]);
  const sources = path.join(tree, 'etc/apt/sources.list');
  writeFileSync(sources, `${readFileSync(sources, 'utf8').trimEnd()}\ndeb ${mirror('Debian-Security')} ${SUITE}-security main\n`);
  const own = '/usr/local/share/ca-certificates';
  if (existsSync(own)) cpSync(own, path.join(tree, own), { recursive: true, dereference: true });
  for (const name of ['var/lib/apt/lists', 'var/cache/apt/archives']) rmSync(path.join(tree, name), { recursive: true, force: true });
  run('tar', ['-C', tree, '-cf', `${tree}.tar`, '--numeric-owner', '.']);
  run('podman', ['import', `${tree}.tar`, BASE]);
  rmSync(`${tree}.tar`);
  rmSync(tree, { recursive: true });
}

/** Release of the newest kernel of the suite, which is not the one that runs here. */
function otherKernel() {
  const script = "apt-get update -qq && apt-cache depends linux-headers-amd64 | sed -n 's/^ *Depends: linux-headers-//p'";
  const container = run('buildah', ['from', '--isolation', 'chroot', BASE], { output: true }).trim();
  try {
    const release = run('buildah', ['run', '--isolation', 'chroot', container, 'sh', '-c', script], { output: true }).trim().split('\n').at(-1);
    if (!release) throw new Error(`${SUITE} has no linux-headers-amd64`);
    return release;
  } finally {
    run('buildah', ['rm', container], { output: true });
  }
}

const make = (target, tag, ...more) => run('make', [target, 'ENGINE=buildah', 'BUILD_FLAGS=--isolation chroot', `BASE=${BASE}`, 'HUB=localhost', `TAG=${tag}`, ...more]);

/** Before anything else. */
export function prepare() {
  configure();
  makeBase();
  return engineEnv;
}

/** The packages, and a Debian with what the deb needs, without it. @returns environment that names them to the tests */
export function buildPackages() {
  const [bare, output] = ['localhost/kmesh-test-bare:here', path.join(CACHE, 'packages')];
  rmSync(output, { recursive: true, force: true });
  makePackages(['--output', output]);
  run('buildah', ['bud', '--layers', '--isolation', 'chroot', '--build-arg', `BASE=${BASE}`, '-t', bare, '-f', 'test/image/Dockerfile.bare', '.']);
  return { KMESH_TEST_PACKAGES: output, KMESH_TEST_BARE: bare };
}

const COMPAT = 'localhost/kmesh-compat:test';

/** Builds the compat image, if anything that goes into it has changed. @returns its name */
export function buildCompatImage() {
  make('docker-compat', 'test');
  return COMPAT;
}

/** Builds the prebuilt image for a kernel of the suite. @returns its name */
export function buildPrebuiltImage(release) {
  make('docker', 'other', `KERNEL_RELEASE=${release}`, `KERNEL_PACKAGES=linux-headers-${release}`);
  return 'localhost/kmesh:other';
}

const NEXT = `${COMPAT}-next`;

/** The compat image with a daemon and eBPF programs whose maps have another layout: what an upgrade brings at its worst. */
function makeNextImage() {
  const made = path.join(CACHE, 'other-version');
  rmSync(made, { recursive: true, force: true });
  run(process.execPath, ['scripts/other-version.mjs', made]);
  const container = run('buildah', ['from', '--isolation', 'chroot', COMPAT], { output: true }).trim();
  try {
    for (const file of ['daemon.js', 'bpf/include/kmesh/layout.h']) run('buildah', ['copy', '--quiet', container, path.join(made, file), path.posix.join('/usr/lib/kmesh', file)], { output: true });
    // With one time for all files, the same content is the same image.
    run('buildah', ['commit', '--quiet', '--timestamp', '0', container, NEXT], { output: true });
  } finally {
    run('buildah', ['rm', container], { output: true });
    rmSync(made, { recursive: true, force: true });
  }
}

/**
 * Writes the compat image and the one that an upgrade goes to into an archive that container engines load, unless that file holds them already.
 *
 * @returns the two names
 */
export function saveCompatImage(archive) {
  const names = [COMPAT, NEXT];
  makeNextImage();
  const ids = run('podman', ['image', 'inspect', '--format', '{{.Id}}', ...names], { output: true });
  const stamp = `${archive}.id`;
  if (existsSync(archive) && existsSync(stamp) && readFileSync(stamp, 'utf8') === ids) return names;
  for (const stale of [archive, stamp]) rmSync(stale, { force: true });
  mkdirSync(path.dirname(archive), { recursive: true });
  run('podman', ['save', '--format', 'docker-archive', '--multi-image-archive', '--output', archive, ...names]);
  writeFileSync(stamp, ids);
  return names;
}

/** Builds what has changed. @returns environment that names the images to the tests */
export function buildImages() {
  buildCompatImage();
  make('docker', 'here');
  const release = otherKernel();
  return { KMESH_TEST_COMPAT: COMPAT, KMESH_TEST_PREBUILT: 'localhost/kmesh:here', KMESH_TEST_OTHER: buildPrebuiltImage(release), KMESH_TEST_OTHER_RELEASE: release };
}
