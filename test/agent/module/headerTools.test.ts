// SPDX-License-Identifier: Apache-2.0
// The programs of a header tree are run before make is: those that cannot are named, with what they lack.
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { checkHeaderTools } from '../../../agent/module/headerTools.js';
import { startTrouble } from '../../../agent/probe/startTrouble.js';
import { findHeaderTree } from '../../../agent/gather/headerTree.js';
import { temporaryFolder, testContext } from '../../helpers/agentContext.js';
import { headerTree, makeRoot } from '../../helpers/capturedRoot.js';
import { sys } from '../../../agent/sys.js';

const RELEASE = '6.1.0-1-test';

t.test('programs that print how they are used are fit; others are not', async (t) => {
  const folder = temporaryFolder(t);
  makeRoot(folder, { ...headerTree('/h', RELEASE, { config: ['CONFIG_OBJTOOL=y'] }), '/h/tools/objtool/objtool': '#!/bin/sh\nexit 129\n' });
  const ctx = testContext(folder);
  const tree = await findHeaderTree(sys, RELEASE, path.join(folder, 'h'));
  await checkHeaderTools(ctx, tree);
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['scripts/mod/modpost', '#!/bin/sh\necho "modpost: /lib/x86_64-linux-gnu/libc.so.6: version \\`GLIBC_2.38\' not found (required by modpost)" >&2\nexit 1\n', /modpost does not run here: it needs GLIBC_2\.38, which the C library here does not have/],
    ['scripts/basic/fixdep', '#!/nowhere/ld-musl.so\n', /fixdep does not run here: it, or the program interpreter that it names, is not there/],
    ['tools/objtool/objtool', '#!/bin/sh\necho "objtool: error while loading shared libraries: libelf.so.1: cannot open shared object file: No such file or directory" >&2\nexit 127\n', /objtool does not run here: it needs the library libelf\.so\.1, which is not here/],
    ['scripts/mod/modpost', '#!/bin/sh\nkill -ILL $$\n', /it was ended by SIGILL/],
  ];
  for (const [tool, text, detail] of cases) {
    const file = path.join(folder, 'h', tool);
    makeRoot(folder, headerTree('/h', RELEASE, { config: ['CONFIG_OBJTOOL=y'] }));
    writeFileSync(path.join(folder, 'h/tools/objtool/objtool'), '#!/bin/sh\nexit 129\n');
    writeFileSync(file, text);
    await t.rejects(checkHeaderTools(ctx, tree), { code: 'KM_HEADERS_TOOLS', exitCode: 12, detail }, tool);
  }
  makeRoot(folder, headerTree('/h', RELEASE));
  chmodSync(path.join(folder, 'h/scripts/basic/fixdep'), 0o644);
  await t.rejects(checkHeaderTools(ctx, tree), { code: 'KM_HEADERS_TOOLS', detail: /may not be executed/ });
});

t.test('objtool is only asked where the kernel has it', async (t) => {
  const folder = temporaryFolder(t);
  makeRoot(folder, headerTree('/h', RELEASE));
  await checkHeaderTools(testContext(folder), await findHeaderTree(sys, RELEASE, path.join(folder, 'h')));
});

t.test('a program that began its work is not in trouble, however it ended', async (t) => {
  t.equal(startTrouble(undefined, { code: 1 }, ['Usage: fixdep']), undefined);
  t.equal(startTrouble(undefined, { code: 0 }, []), undefined);
  t.match(startTrouble('ENOEXEC', {}, []), /not a program for this processor/);
  t.match(startTrouble('EMFILE', {}, []), /EMFILE/);
  t.match(startTrouble(undefined, { code: 127 }, ['Error loading shared library libelf.so.1: No such file']), /libelf\.so\.1/);
});
