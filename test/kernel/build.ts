// SPDX-License-Identifier: Apache-2.0
/** Compiles the pure files of kernel/ with a program of this folder: with clang, which brings the fuzzer too. Kernel builds are gcc's part. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '../helpers/bpfObject.js';

const HERE = path.resolve('test/kernel');
const KERNEL = path.resolve('kernel');
const CONTRACT = path.resolve('bpf/include');

/** Kernels before 5.18 are C89 with GNU's extensions and want declarations first. */
const AS_OLD_KERNELS = ['-std=gnu89', '-Wdeclaration-after-statement', '-Wmissing-prototypes'];
const STRICT = ['-Wall', '-Wextra', '-Werror'];
/** Options for a program in which a wrong access or undefined behaviour is an end with a report. */
export const sanitized = (...more: readonly string[]): string[] => ['-O1', '-g', '-fno-omit-frame-pointer', `-fsanitize=${['address', 'undefined', ...more].join(',')}`, '-fno-sanitize-recover=all'];

/** A fault to build in: in this file of kernel/, that text becomes the other. */
export interface Fault {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Program {
  /** Files of this folder, or anywhere by their whole path. */
  readonly sources: readonly string[];
  readonly options?: readonly string[];
  readonly fault?: Fault;
}

let folder: string | undefined;
let programs = 0;
/** Path of the object, by the command that makes it. */
const objects = new Map<string, string>();

/** @returns its path, in a folder that goes with the process. @throws with what the compiler said. */
export function buildProgram({ sources, options = sanitized(), fault }: Program): string {
  folder ??= temporaryFolder();
  const place = path.join(folder, String(programs++));
  mkdirSync(place);
  const command = ['clang', ...options];
  const files = [...sources.map((name) => path.resolve(HERE, name)), ...pureSources().map((name) => (name === fault?.file ? faulty(fault, place) : path.join(KERNEL, name)))];
  const program = path.join(place, path.parse(sources[0]!).name);
  run([...command, '-o', program, ...files.map((file) => compile(command, file))]);
  return program;
}

function compile(command: readonly string[], file: string): string {
  const key = [...command, file].join(' ');
  const known = objects.get(key);
  if (known !== undefined) return known;
  const object = path.join(folder!, `${objects.size}.o`);
  const include = [CONTRACT, KERNEL, HERE].flatMap((one) => ['-I', one]);
  run([...command, ...AS_OLD_KERNELS, ...STRICT, ...include, '-c', '-o', object, file]);
  objects.set(key, object);
  return object;
}

function run([command = '', ...args]: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function pureSources(): string[] {
  return readdirSync(KERNEL).filter((name) => /^(http1_.*|request_build)\.c$/.test(name));
}

function faulty({ file, from, to }: Fault, place: string): string {
  const parts = readFileSync(path.join(KERNEL, file), 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
  const copy = path.join(place, file);
  writeFileSync(copy, parts.join(to));
  return copy;
}
