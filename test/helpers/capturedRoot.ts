// SPDX-License-Identifier: Apache-2.0
/** Small copies of what matters of a host's file system, and a Sys that takes such a folder for `/`. */
import fs from 'node:fs';
import path from 'node:path';
import { type Sys, sys } from '../../agent/sys.js';

/** Paths from `/` with what is there: the text of a file, or a link. */
export type Captured = Readonly<Record<string, string | { readonly link: string }>>;

export function makeRoot(root: string, captured: Captured): void {
  for (const [file, content] of Object.entries(captured)) {
    const place = path.join(root, file);
    fs.mkdirSync(path.dirname(place), { recursive: true });
    if (typeof content === 'string') fs.writeFileSync(place, content, { mode: 0o755 });
    else fs.symlinkSync(content.link, place);
  }
}

/** Files of a header tree that is complete for a release. */
export function headerTree(folder: string, release: string, { config = ['CONFIG_GCC_VERSION=120200', 'CONFIG_CC_VERSION_TEXT="gcc (GCC) 12.2.0"'], makefile = '# kbuild\n' }: { readonly config?: readonly string[]; readonly makefile?: string } = {}): Captured {
  const tool = '#!/bin/sh\nexit 1\n';
  const files: Record<string, string> = {
    Makefile: makefile,
    'Module.symvers': '0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\n',
    'include/generated/utsrelease.h': `#define UTS_RELEASE "${release}"\n`,
    'include/generated/autoconf.h': '#define CONFIG_X86_64 1\n',
    'include/config/auto.conf': `${config.join('\n')}\n`,
    'scripts/basic/fixdep': tool,
    'scripts/mod/modpost': tool,
  };
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [path.join(folder, name), text]));
}

/** The machine whose `/` is `root`: absolute links stay inside, as after chroot. */
export function rootedSys(root: string, env: Sys['env'] = {}): Sys {
  const within = (file: string): string => follow(root, file, true);
  return {
    ...sys,
    env,
    stat: async (file) => sys.stat(within(file)),
    readText: async (file, maxBytes) => sys.readText(within(file), maxBytes),
    readBytes: async (file, maxBytes) => sys.readBytes(within(file), maxBytes),
    readGzip: async (file, maxBytes) => sys.readGzip(within(file), maxBytes),
    readLink: async (file) => sys.readLink(follow(root, file, false)),
    list: async (folder) => sys.list(within(folder)),
    sha256: async (file) => sys.sha256(within(file)),
  };
}

/** Where a path of the captured host is on this machine; the last name is only followed when `last` says so. */
function follow(root: string, file: string, last: boolean): string {
  const pending = file.split('/').filter((name) => name !== '' && name !== '.');
  let at = root;
  for (let links = 0; pending.length > 0; ) {
    const name = pending.shift()!;
    const next = name === '..' ? (at === root ? root : path.dirname(at)) : path.join(at, name);
    const isLink = name !== '..' && fs.lstatSync(next, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (isLink && (last || pending.length > 0) && links < 40) {
      links += 1;
      const target = fs.readlinkSync(next);
      if (target.startsWith('/')) at = root;
      pending.unshift(...target.split('/').filter((one) => one !== '' && one !== '.'));
    } else at = next;
  }
  return at;
}
