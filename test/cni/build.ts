// SPDX-License-Identifier: Apache-2.0
/** Builds kmesh-cni as packages do, and programs of this folder with its pure files, by clang. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '../helpers/bpfObject.js';
import { type Fault, sanitized } from '../kernel/build.js';

const HERE = path.resolve('test/cni');
const CNI = path.resolve('cni');
/** What neither waits, nor writes, nor enters a namespace. */
const PURE = ['invocation.c', 'json.c', 'line.c', 'netconf.c', 'request.c'];

let folder: string | undefined;
let programs = 0;

function place(): string {
  folder ??= temporaryFolder();
  const made = path.join(folder, String((programs += 1)));
  mkdirSync(made);
  return made;
}

/** @returns the path of a fresh kmesh-cni, in a folder that goes with the process */
export function buildPlugin(extra = '-Werror'): string {
  const to = place();
  execFileSync('make', ['--silent', '-C', CNI, `O=${to}`, `EXTRA=${extra}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  return path.join(to, 'kmesh-cni');
}

/** @param source a file of this folder @returns the path of the program. @throws with what clang said */
export function buildProgram(source: string, fault?: Fault, ...sanitizers: readonly string[]): string {
  const to = place();
  const files = PURE.map((name) => (name === fault?.file ? faulty(fault, to) : path.join(CNI, name)));
  const program = path.join(to, path.parse(source).name);
  execFileSync('clang', [...sanitized(...sanitizers), '-std=gnu11', '-Wall', '-Wextra', '-Wmissing-prototypes', '-Werror', '-I', CNI, '-o', program, path.join(HERE, source), ...files], { stdio: ['ignore', 'pipe', 'pipe'] });
  return program;
}

function faulty({ file, from, to }: Fault, folder: string): string {
  const parts = readFileSync(path.join(CNI, file), 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
  const copy = path.join(folder, file);
  writeFileSync(copy, parts.join(to));
  return copy;
}
