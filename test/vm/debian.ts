// SPDX-License-Identifier: Apache-2.0
/** Packages of any Debian release, downloaded by apt with lists of our own and unpacked. Nothing is installed here. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface Suite {
  readonly name: string;
  /** Testing has its security updates in itself. */
  readonly hasSecurity: boolean;
}

const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-removed-keys.gpg'];

/** apt with the lists of one Debian release, and with no package installed, so that it names every dependency. */
export class Debian {
  readonly #folder: string;
  readonly #options: readonly string[];

  /** @param folder a folder of the caller's for lists and archives. */
  constructor(suite: Suite, folder: string) {
    this.#folder = folder;
    for (const name of ['lists/partial', 'archives/partial']) fs.mkdirSync(path.join(folder, name), { recursive: true });
    fs.writeFileSync(path.join(folder, 'status'), '');
    fs.writeFileSync(path.join(folder, 'sources.list'), sourcesList(suite));
    const settings = {
      'Dir::State': folder,
      'Dir::State::status': path.join(folder, 'status'),
      'Dir::Cache': folder,
      'Dir::Etc::sourcelist': path.join(folder, 'sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::preferences': '/dev/null',
      'Dir::Etc::preferencesparts': '/dev/null',
      'APT::Sandbox::User': 'root',
      'APT::Architecture': 'amd64',
      'APT::Install-Recommends': 'false',
      'APT::Update::Post-Invoke::': 'true',
      'Acquire::Languages': 'none',
      // With apt's growing delays about two minutes: name servers and mirrors fail for moments.
      'Acquire::Retries': '8',
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    };
    this.#options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    this.#apt('apt-get', 'update', '-q', '--error-on=any');
  }

  #apt(tool: string, ...args: string[]): string {
    return execFileSync(tool, [...this.#options, ...args], { encoding: 'utf8', cwd: this.#folder, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 });
  }

  /** Names of the packages that a package depends on. */
  dependsOn(name: string): string[] {
    return [...this.#apt('apt-cache', 'depends', name).matchAll(/^ +(?:Pre)?Depends: (\S+)$/gm)].map(([, dependency = '']) => dependency);
  }

  has(name: string): boolean {
    return this.#apt('apt-cache', 'search', '--names-only', `^${name.replaceAll('+', '\\+')}$`) !== '';
  }

  /** Downloads the packages with all that they need, checked by apt against the release's signature. */
  withDependencies(names: readonly string[]): string[] {
    this.#apt('apt-get', 'install', '-q', '-y', '--download-only', '--no-install-recommends', ...names);
    return this.#takeArchives(path.join(this.#folder, 'archives'));
  }

  /** Downloads just these packages. */
  alone(names: readonly string[]): string[] {
    this.#apt('apt-get', 'download', '-q', ...names);
    return this.#takeArchives(this.#folder);
  }

  #takeArchives(from: string): string[] {
    const target = fs.mkdtempSync(path.join(this.#folder, 'taken-'));
    const names = fs.readdirSync(from).filter((name) => name.endsWith('.deb'));
    for (const name of names) fs.renameSync(path.join(from, name), path.join(target, name));
    return names.map((name) => path.join(target, name));
  }
}

/** Unpacks packages into a tree with merged /usr, whatever the layout of their release. */
export function unpack(archives: readonly string[], tree: string): void {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    fs.mkdirSync(path.join(tree, 'usr', name), { recursive: true });
    if (!fs.existsSync(path.join(tree, name))) fs.symlinkSync(`usr/${name}`, path.join(tree, name));
  }
  for (const archive of archives) {
    execFileSync('bash', ['-c', 'set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"', 'bash', archive, tree], { stdio: ['ignore', 'inherit', 'inherit'] });
  }
}

function sourcesList({ name, hasSecurity }: Suite): string {
  const keys = `[signed-by=${KEYRINGS.filter((file) => fs.existsSync(file)).join(',')}]`;
  const mirror = mirrors();
  return [`deb ${keys} ${mirror.archive} ${name} main`, ...(hasSecurity ? [`deb ${keys} ${mirror.security} ${name}-security main`] : [])].join('\n') + '\n';
}

/** The mirrors that this machine's own apt uses. */
function mirrors(): { readonly archive: string; readonly security: string } {
  const read = (): string[][] =>
    execFileSync('apt-get', ['indextargets', '--format', '$(ORIGIN) $(LABEL) $(REPO_URI)'], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.split(' '));
  let targets = read();
  const find = (label: string): string | undefined => targets.find(([origin, its]) => origin === 'Debian' && its === label)?.[2];
  if (find('Debian') === undefined) {
    // A fresh machine has no lists yet, and tells origins only from them.
    execFileSync('apt-get', ['update', '-q'], { stdio: ['ignore', 2, 'inherit'] });
    targets = read();
  }
  const archive = find('Debian');
  if (archive === undefined) throw new Error("this machine's apt knows no Debian mirror; the kernels of the tests are Debian packages");
  return { archive, security: find('Debian-Security') ?? archive.replace(/debian\/?$/, 'debian-security/') };
}
