// SPDX-License-Identifier: Apache-2.0
// What the package managers run on a node: at an upgrade the service is started anew, where it runs; at a removal kmesh leaves the node.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './files.mjs';

const removal = () => readFileSync(path.join(root, 'packaging/remove.sh'), 'utf8');

const RELOAD = 'if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi\n';
/** The stop takes the node out of the mesh unless --on-stop=keep is in /etc/kmesh/kmesh.env. */
const RESTART = 'if [ -d /run/systemd/system ]; then systemctl try-restart kmesh.service; fi\n';

const shell = (body) => `#!/bin/sh\nset -e\n${body}`;

/** debian-policy 6: each is told by its first word why it is called. */
export const debScripts = () => ({
  postinst: shell(`if [ "$1" = configure ]; then\n${RELOAD}if [ -n "$2" ]; then\n${RESTART}fi\nfi\n`),
  prerm: shell(`if [ "$1" = remove ]; then\n${removal()}fi\n`),
  postrm: shell(`if [ "$1" = remove ]; then\n${RELOAD}fi\n`),
});

/** rpm tells how many of this package there are afterwards. The files of an upgrade are exchanged before %postun. */
export const rpmScripts = () => ({
  post: `set -e\n${RELOAD}`,
  preun: `set -e\nif [ "$1" = 0 ]; then\n${removal()}fi\n`,
  postun: `set -e\n${RELOAD}if [ "$1" -ge 1 ]; then\n${RESTART}fi\n`,
});
