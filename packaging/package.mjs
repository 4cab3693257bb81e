// SPDX-License-Identifier: Apache-2.0
// node packaging/package.mjs [--format deb|rpm]... [--output DIR] [--bundle FILE]... [--no-docs]
//
// Makes the packages kmesh and kmesh-node of this tree, whose bundles are built (scripts/build.mjs) and whose packaging/node is installed, with
// dpkg-deb and rpmbuild; by default with the one of them that is here. Files get the time of SOURCE_DATE_EPOCH, or of the last commit: the
// same tree gives the same packages.
import { spawnSync } from 'node:child_process';
import { copyFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { debCommand, debFiles, debLicences } from './deb.mjs';
import { kmesh, kmeshNode, VERSION } from './describe.mjs';
import { kmeshFiles, nodeFiles, root } from './files.mjs';
import { rpmCommand, rpmLicences } from './rpm.mjs';
import { debScripts, rpmScripts } from './scripts.mjs';
import { billOfMaterials, bundledPackages, terms } from './thirdParty.mjs';

const TOOLS = { deb: 'dpkg-deb', rpm: 'rpmbuild' };

function run(argv, options = {}) {
  const result = spawnSync(argv[0], argv.slice(1), { stdio: ['ignore', 2, 2], ...options });
  if (result.error || result.status !== 0) throw new Error(`${argv[0]} failed (${result.error?.message ?? result.signal ?? `exit ${result.status}`})`);
  return result.stdout;
}

const isHere = (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;

/** Where there is no commit to date it by (an archive of the sources): 1980, the earliest that archives agree on. */
const UNKNOWN = 315_532_800;

/** Seconds that all files are dated with. */
function sourceDate() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) {
    if (!/^\d{1,10}$/.test(given)) throw new Error(`SOURCE_DATE_EPOCH is no number of seconds: ${given}`);
    return Number(given);
  }
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  return status === 0 ? Number(stdout) : UNKNOWN;
}

/** Lays out a tree with modes and times. @returns the entries with their sizes, in order */
function stageFiles(stage, entries, epoch) {
  const sorted = [...entries].sort((a, b) => (a.to < b.to ? -1 : 1));
  for (const { to, from, text, mode = 0o644 } of sorted) {
    const target = path.join(stage, to);
    if (existsSync(target)) throw new Error(`${to} is listed twice`);
    mkdirSync(path.dirname(target), { recursive: true });
    if (from === undefined) writeFileSync(target, text);
    else copyFileSync(from, target);
    chmodSync(target, mode);
    utimesSync(target, epoch, epoch);
  }
  // Deepest first: to write into a folder changes its time.
  for (const name of readdirSync(stage, { recursive: true }).sort().reverse()) {
    const folder = path.join(stage, name);
    if (!statSync(folder).isDirectory()) continue;
    chmodSync(folder, 0o755);
    utimesSync(folder, epoch, epoch);
  }
  chmodSync(stage, 0o755);
  utimesSync(stage, epoch, epoch);
  return sorted.map((one) => ({ ...one, size: statSync(path.join(stage, one.to)).size }));
}

/** Texts of licences by the last parts of their names, for the one file that Debian keeps. */
const licenceTexts = (entries, folder) =>
  Object.fromEntries(entries.filter(({ kind }) => kind === 'licence').map(({ to, from, text }) => [path.relative(folder, to), text ?? readFileSync(from, 'utf8')]));

function makePackage({ format, describe, filesOf, service }, work, output, epoch) {
  const about = describe(format === 'deb' ? 'apt' : 'dnf');
  const licences = (format === 'deb' ? debLicences : rpmLicences)(about.name);
  const entries = filesOf(licences);
  const own = format === 'deb' ? debFiles(about.name, licenceTexts(entries, licences), epoch) : [];
  const stage = path.join(work, format, about.name);
  mkdirSync(stage, { recursive: true });
  const files = stageFiles(stage, [...entries, ...own], epoch);
  const { file, argv } =
    format === 'deb'
      ? debCommand(about, stage, files, service ? debScripts() : {}, output, epoch)
      : rpmCommand(about, stage, path.join(work, 'rpmbuild'), files, service ? rpmScripts() : {}, output, epoch);
  run(argv, { env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch), LC_ALL: 'C' } });
  return file;
}

function main() {
  const { values } = parseArgs({
    options: { format: { type: 'string', multiple: true }, output: { type: 'string', default: path.join(root, 'build/packages') }, bundle: { type: 'string', multiple: true, default: [] }, docs: { type: 'boolean', default: true } },
    allowNegative: true,
  });
  const formats = values.format ?? Object.keys(TOOLS).filter((format) => isHere(TOOLS[format]));
  if (formats.length === 0 || formats.some((format) => TOOLS[format] === undefined)) throw new Error(`formats are deb (by dpkg-deb) and rpm (by rpmbuild); ${values.format === undefined ? 'neither tool is here' : `not ${formats.join(', ')}`}`);
  const epoch = sourceDate();
  const packages = bundledPackages();
  const others = { terms: terms(packages), bill: billOfMaterials(VERSION, packages) };
  const kinds = [
    { describe: kmesh, service: true, filesOf: (licences) => kmeshFiles({ bundles: values.bundle, docs: values.docs, licences, ...others }) },
    { describe: kmeshNode, service: false, filesOf: (licences) => nodeFiles({ licences }) },
  ];
  const output = path.resolve(values.output);
  mkdirSync(output, { recursive: true });
  const work = mkdtempSync(path.join(tmpdir(), 'kmesh-package-'));
  try {
    for (const format of formats) for (const kind of kinds) process.stdout.write(`${path.join(output, makePackage({ ...kind, format }, work, output, epoch))}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`package: ${error.message}\n`);
  process.exitCode = 1;
}
