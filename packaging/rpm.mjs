// SPDX-License-Identifier: Apache-2.0
// A package of openEuler, Fedora, RHEL and their kin, made by rpmbuild from a staged tree.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ARCHITECTURE, PACKAGER, REVISION, VERSION, wrap } from './describe.mjs';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Folder of the licences: installed also where documentation is left out. */
export const rpmLicences = (name) => `/usr/share/licenses/${name}`;

/** Folders that belong to the package: those below one of its own name. */
function ownFolders(files) {
  const all = files.flatMap(({ to }) => {
    const parts = to.split('/');
    return parts.slice(1, -1).map((_, at) => parts.slice(0, at + 2).join('/'));
  });
  return [...new Set(all)].filter((name) => /\/kmesh(?:-node)?(?:\/|$)/.test(name)).sort();
}

const MARK = { config: '%config(noreplace) ', licence: '%license ', doc: '%doc ' };

/** A name as rpm takes it: `%` begins a macro. */
const quoted = (name) => `"${name.replace(/%/g, '%%')}"`;

function fileList(files) {
  const folders = ownFolders(files).map((name) => `%dir %attr(0755,root,root) ${quoted(name)}`);
  const lines = files.map(({ to, mode, kind }) => `%attr(0${(mode ?? 0o644).toString(8)},root,root) ${MARK[kind] ?? ''}${quoted(to)}`);
  return [...folders, ...lines].join('\n');
}

function spec(about, stage, files, scripts, epoch) {
  const day = new Date(epoch * 1000);
  const date = `${DAYS[day.getUTCDay()]} ${MONTHS[day.getUTCMonth()]} ${String(day.getUTCDate()).padStart(2, '0')} ${day.getUTCFullYear()}`;
  const lines = (name, values) => values.map((value) => `${name}: ${value}\n`).join('');
  return `Name: ${about.name}
Version: ${VERSION}
Release: ${REVISION}
Summary: ${about.summary[0].toUpperCase()}${about.summary.slice(1)}
License: ${about.licence}
Packager: ${PACKAGER}
AutoReqProv: no
${lines('Requires', about.requires)}${lines('Recommends', about.recommends)}${lines('Suggests', about.suggests)}
%description
${about.description.map(wrap).join('\n\n')}

%install
cp -R --preserve=timestamps,mode ${stage}/. %{buildroot}

%files
${fileList(files)}
${Object.entries(scripts).map(([name, text]) => `\n%${name}\n${text.replace(/%/g, '%%')}`).join('')}
%changelog
* ${date} ${PACKAGER} - ${VERSION}-${REVISION}
- See CHANGELOG.md of the project.
`;
}

/** What makes the build the same everywhere, and leaves the files as they are. */
const DEFINES = {
  _buildhost: 'localhost',
  use_source_date_epoch_as_buildtime: '1',
  clamp_mtime_to_source_date_epoch: '1',
  _binary_payload: 'w6.gzdio',
  _build_id_links: 'none',
  debug_package: '%{nil}',
  __os_install_post: '%{nil}',
};

/**
 * @param {string} stage folder with the staged tree
 * @param {string} work empty folder for rpmbuild
 * @param {Record<string, string>} scripts by the name of their section
 * @returns {{file: string, argv: string[]}} file name of the package, and what makes it
 */
export function rpmCommand(about, stage, work, files, scripts, output, epoch) {
  mkdirSync(work, { recursive: true });
  const name = path.join(work, `${about.name}.spec`);
  writeFileSync(name, spec(about, stage, files, scripts, epoch));
  const file = `${about.name}-${VERSION}-${REVISION}.${ARCHITECTURE.rpm}.rpm`;
  const defines = { ...DEFINES, _topdir: work, _rpmdir: output, _build_name_fmt: file };
  return { file, argv: ['rpmbuild', '-bb', '--quiet', '--target', ARCHITECTURE.rpm, ...Object.entries(defines).flatMap(([key, value]) => ['--define', `${key} ${value}`]), name] };
}
