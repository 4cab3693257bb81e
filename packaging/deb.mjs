// SPDX-License-Identifier: Apache-2.0
// A package of Debian and its kin, made by dpkg-deb from a staged tree.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { ARCHITECTURE, PACKAGER, REVISION, VERSION, wrap } from './describe.mjs';

const full = `${VERSION}-${REVISION}`;

/** The extended description: wrapped lines, each behind a blank; a dot between paragraphs. */
const paragraphs = (texts) => texts.map((text) => wrap(text).replace(/^/gm, ' ')).join('\n .\n');

function control(about, files) {
  const kib = files.reduce((sum, { size }) => sum + Math.ceil(size / 1024), 0);
  const fields = {
    Package: about.name,
    Version: full,
    Architecture: ARCHITECTURE.deb,
    Maintainer: PACKAGER,
    'Installed-Size': kib,
    Depends: about.requires.join(', '),
    Recommends: about.recommends.join(', '),
    Suggests: about.suggests.join(', '),
    Section: 'net',
    Priority: 'optional',
    Description: `${about.summary}\n${paragraphs(about.description)}`,
  };
  return Object.entries(fields).filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}\n`).join('');
}

/** debian-policy 12.5: the terms, by reference where every Debian has them. */
function copyright(licences) {
  const text = (name) => licences[name] ?? '';
  return `${text('NOTICE')}
The Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0, the GNU General Public License, version 2,
in /usr/share/common-licenses/GPL-2.

${text('LICENSES/BSD-2-Clause.txt')}
${text('THIRD-PARTY.txt')}${text('LICENSE').startsWith('Node.js') ? text('LICENSE') : ''}`;
}

const changelog = (name, date) => `${name} (${full}) unstable; urgency=medium

  * See CHANGELOG.md of the project.

 -- ${PACKAGER}  ${date}
`;

/** What every package of Debian has in its own folder. @param {number} epoch seconds @returns {import('./files.mjs').Entry[]} */
export function debFiles(name, licences, epoch) {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  const gzip = gzipSync(changelog(name, date), { level: 9 });
  return [
    { text: copyright(licences), to: `/usr/share/doc/${name}/copyright` },
    { text: gzip, to: `/usr/share/doc/${name}/changelog.Debian.gz` },
  ];
}

/** Folder of the licences; `copyright` beside it stays also where an administrator leaves documentation out. */
export const debLicences = (name) => `/usr/share/doc/${name}`;

/**
 * @param {string} stage folder with the staged tree; gets its DEBIAN folder here
 * @param {{to: string, size: number, kind?: string}[]} files
 * @param {Record<string, string>} scripts of the maintainer, by name
 * @returns {{file: string, argv: string[]}} file name of the package, and what makes it
 */
export function debCommand(about, stage, files, scripts, output, epoch) {
  const folder = path.join(stage, 'DEBIAN');
  mkdirSync(folder, { mode: 0o755 });
  const write = (name, text, mode = 0o644) => {
    const file = path.join(folder, name);
    writeFileSync(file, text, { mode });
    utimesSync(file, epoch, epoch);
  };
  const digest = ({ to }) => createHash('md5').update(readFileSync(path.join(stage, to))).digest('hex');
  write('control', control(about, files));
  write('md5sums', files.filter(({ kind }) => kind !== 'config').map((one) => `${digest(one)}  ${one.to.slice(1)}\n`).join(''));
  const configs = files.filter(({ kind }) => kind === 'config').map(({ to }) => `${to}\n`).join('');
  if (configs !== '') write('conffiles', configs);
  for (const [name, text] of Object.entries(scripts)) write(name, text, 0o755);
  utimesSync(folder, epoch, epoch);
  const file = `${about.name}_${full}_${ARCHITECTURE.deb}.deb`;
  return { file, argv: ['dpkg-deb', '--root-owner-group', '-Zgzip', '--build', stage, path.join(output, file)] };
}
