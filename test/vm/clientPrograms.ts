// SPDX-License-Identifier: Apache-2.0
/** The programs of test/vm/clients for the guests: scripts as they are, C and Go as static binaries, built here once. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { keyOf, prepared } from './cache.js';
import { ROOT } from './paths.js';

const SOURCES = path.join(ROOT, 'test/vm/clients');

const GCC = ['gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];

/** @returns a folder named `clients`, for /kmesh/files. */
export function clientPrograms(): string {
  const place = prepared(path.join('clients', keyOf(contents(SOURCES))), (folder) => {
    const target = path.join(folder, 'clients');
    fs.cpSync(SOURCES, target, { recursive: true });
    run(...GCC, '-o', path.join(target, 'server'), path.join(SOURCES, 'server.c'));
    const load = path.join(SOURCES, 'load');
    run(...GCC, '-o', path.join(target, 'load-generator'), ...cFiles(load));
    run('go', 'build', '-trimpath', '-o', path.join(target, 'client-go'), path.join(SOURCES, 'client.go'));
  });
  return path.join(place, 'clients');
}

function cFiles(folder: string): string[] {
  return fs.readdirSync(folder).filter((name) => name.endsWith('.c')).map((name) => path.join(folder, name));
}

function contents(folder: string): [string, string][] {
  return (fs.readdirSync(folder, { recursive: true }) as string[])
    .sort()
    .map((name) => path.join(folder, name))
    .filter((file) => fs.statSync(file).isFile())
    .map((file) => [path.relative(folder, file), fs.readFileSync(file, 'utf8')]);
}

function run(...[command, ...args]: readonly string[]): void {
  try {
    execFileSync(command!, args, { stdio: ['ignore', 2, 2], env: { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off', GOTOOLCHAIN: 'local' } });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(`the clients of the virtual machines are built with ${command}, which is not on this machine`);
  }
}
