// SPDX-License-Identifier: Apache-2.0
/** Files that are kernel modules to everybody but the kernel: linked as kbuild links them, with what modinfo reads. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface ModuleText {
  readonly name?: string;
  readonly release?: string;
  /** Something that makes it another build. */
  readonly salt?: string;
  readonly buildId?: boolean;
  readonly signed?: boolean;
}

/** @returns path of `kmesh.ko` in `folder` */
export function makeModuleFile(folder: string, { name = 'kmesh', release = '6.1.0-1-test', salt = '', buildId = true, signed = false }: ModuleText = {}): string {
  const [source, object, file] = ['kmesh.c', 'kmesh.o', 'kmesh.ko'].map((one) => path.join(folder, one)) as [string, string, string];
  const entries = [`name=${name}`, `vermagic=${release} SMP preempt mod_unload modversions `, 'license=Dual BSD/GPL'];
  const info = entries.map((text, i) => `static const char info${i}[] __attribute__((section(".modinfo"), used)) = ${JSON.stringify(text)};`);
  writeFileSync(source, `${info.join('\n')}\nconst char salt[] = ${JSON.stringify(salt)};\n`);
  execFileSync('gcc', ['-c', source, '-o', object]);
  // As in scripts/Makefile.modfinal of the kernel.
  execFileSync('ld', ['-r', ...(buildId ? ['--build-id=sha1'] : []), '-o', file, object]);
  if (signed) appendFileSync(file, 'signature~Module signature appended~\n');
  return file;
}
