// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Fact, no, yes } from '../probe/fact.js';
import { GENERATED_FILES, headerPlaces, HOST_ROOT, type Place } from '../probe/headerPlaces.js';
import { type HeaderCode, type HeaderProblem, allOf } from '../probe/headerProblem.js';
import { redirectOf } from '../probe/kbuildMakefile.js';
import { parseKconfig } from '../probe/kconfig.js';
import { kernelCompiler, type KernelCompiler } from '../probe/kernelCompiler.js';
import type { Sys } from '../sys.js';
import { readFirst, readIfThere, type TextFile } from './files.js';
import { resolveBelow } from './resolve.js';

/** A folder to build kernel modules in, if there is one for this very release. */
export interface HeaderTree {
  readonly fact: Fact;
  /** undefined: there is none. So are the others then, but for `problem`. */
  readonly folder: string | undefined;
  /** Words for make before the target: `-C FOLDER`, and more where the tree names its parts by paths of another root. */
  readonly makeWords?: readonly string[] | undefined;
  /** Why there is none. */
  readonly problem?: HeaderProblem | undefined;
  /** --kernel-headers or KERNELDIR, when one of them named the place. */
  readonly namedBy?: string | undefined;
  /** Options of include/config/auto.conf. */
  readonly config?: ReadonlyMap<string, string> | undefined;
  /** What built the kernel. */
  readonly compiler: KernelCompiler | undefined;
  readonly uioHeader: TextFile | undefined;
  readonly moduleSymvers: string | undefined;
  /** The linux/bpf.h of exactly this kernel. */
  readonly bpfHeader?: string | undefined;
}

const MAX_HEADER_BYTES = 1 << 20;
const MAX_CONFIG_BYTES = 4 << 20;

/**
 * kernel/gen_kheaders.sh packs the files `*.h` of include/ and arch/ARCH/include/ and nothing else. Makefiles, modpost and
 * the symbols' checksums cannot be made from those.
 */
const KHEADERS = '/sys/kernel/kheaders.tar.xz';

/**
 * Looks for the header tree of a release. A place that the user named is the only one that is looked at.
 *
 * @param named value of --kernel-headers
 */
export async function findHeaderTree(sys: Sys, release: string, named?: string): Promise<HeaderTree> {
  const byEnvironment = sys.env['KERNELDIR'];
  const place = named ?? (byEnvironment === '' ? undefined : byEnvironment);
  if (place !== undefined) {
    const namedBy = named === undefined ? 'KERNELDIR' : '--kernel-headers';
    const looked = path.isAbsolute(place) ? await look(sys, { root: '', path: place }, release) : { code: 'KM_HEADERS_MISSING' as const, detail: `${place} is not an absolute path` };
    if (looked === undefined) return without({ code: 'KM_HEADERS_MISSING', detail: `${namedBy} names ${place}, which is not there` }, namedBy);
    return 'code' in looked ? without({ ...looked, detail: `${namedBy}: ${looked.detail}` }, namedBy) : { ...looked, namedBy };
  }
  const problems: HeaderProblem[] = [];
  for (const candidate of headerPlaces(release)) {
    const looked = await look(sys, candidate, release);
    if (looked !== undefined && 'folder' in looked) return looked;
    if (looked !== undefined) problems.push(looked);
  }
  if ((await readIfThere(() => sys.stat(KHEADERS))) !== undefined) problems.push({ code: 'KM_HEADERS_INCOMPLETE', detail: `${KHEADERS} has header files only: no Makefile, no scripts/mod/modpost, no Module.symvers` });
  if (problems.length === 0) {
    const places = headerPlaces(release).filter(({ root }) => root === '').map(({ path: one }) => one);
    problems.push({ code: 'KM_HEADERS_MISSING', detail: `there is none of ${places.join(', ')}, neither here nor below ${HOST_ROOT}` });
  }
  return without(allOf(problems));
}

const without = (problem: HeaderProblem, namedBy?: string): HeaderTree => ({ fact: no(problem.detail), folder: undefined, problem, namedBy, compiler: undefined, uioHeader: undefined, moduleSymvers: undefined });

/** undefined: there is nothing. */
async function look(sys: Sys, place: Place, release: string): Promise<HeaderTree | HeaderProblem | undefined> {
  const found = await follow(sys, place);
  if (found === undefined || 'code' in found) return found;
  const folder = found.root + found.path;
  const problem = (code: HeaderCode, detail: string): HeaderProblem => ({ code, detail });
  const makefile = await readFirst(sys, [path.join(folder, 'Makefile')], MAX_HEADER_BYTES);
  if (makefile === undefined) return problem('KM_HEADERS_INCOMPLETE', `${folder} has no Makefile`);
  const built = await releaseOf(sys, folder);
  if (built === undefined) return problem('KM_HEADERS_INCOMPLETE', `${folder} is not prepared for building modules: it has no include/generated/utsrelease.h`);
  if (built !== release) return problem('KM_HEADERS_RELEASE', `${folder} is for ${built}, not for ${release}`);
  const sources = await sourcesOf(sys, found, makefile.text);
  if ('code' in sources) return sources;
  const missing = await missingFiles(sys, folder);
  if (missing.length > 0) return problem('KM_HEADERS_INCOMPLETE', `${folder} is not complete: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
  return describe(sys, folder, sources);
}

/** Links that lead out of a container mean the host's files. */
async function follow(sys: Sys, place: Place): Promise<Place | HeaderProblem | undefined> {
  const own = await resolveBelow(sys, place);
  if (own.found) return { root: place.root, path: own.path };
  if (place.root === '' && (own.dangling !== undefined || own.path.startsWith('/usr/'))) {
    const host = await resolveBelow(sys, { root: HOST_ROOT, path: own.path });
    if (host.found) return { root: HOST_ROOT, path: host.path };
  }
  if (own.dangling === undefined) return undefined;
  return { code: 'KM_HEADERS_DANGLING', detail: `${own.dangling.path} is a link to ${own.dangling.target}, which is not there` };
}

/**
 * The release that modules built in this folder are for. Not from include/config/kernel.release, where Debian's 5.10 and
 * 6.1 have the upstream version.
 */
async function releaseOf(sys: Sys, folder: string): Promise<string | undefined> {
  const header = await readFirst(sys, [path.join(folder, 'include/generated/utsrelease.h')], MAX_HEADER_BYTES);
  return /^#define UTS_RELEASE "([^"]*)"/m.exec(header?.text ?? '')?.[1];
}

interface Sources {
  readonly folder: string;
  readonly makeWords: readonly string[];
}

/**
 * Where the tree's Makefile leads. One that names the kernel's sources by an absolute path of the host is not read by
 * make: make is given the sources' own Makefile, which takes the folder that it runs in for the output
 * (abs_objtree, abs_srctree in the kernel's Makefile).
 */
async function sourcesOf(sys: Sys, tree: Place, makefile: string): Promise<Sources | HeaderProblem> {
  const folder = tree.root + tree.path;
  const redirect = redirectOf(makefile);
  if (redirect === undefined) return { folder, makeWords: ['-C', folder] };
  const included = await follow(sys, { root: tree.root, path: path.resolve(tree.path, redirect.include) });
  if (included === undefined || 'code' in included) return { code: 'KM_HEADERS_INCOMPLETE', detail: `${folder}/Makefile includes ${redirect.include}, which is not there` };
  const file = included.root + included.path;
  const makeWords = ['-C', folder, ...(included.root === '' ? [] : ['-f', file, ...(redirect.setsOutput ? [`KBUILD_OUTPUT=${folder}`] : [])])];
  return { folder: path.dirname(file), makeWords };
}

async function missingFiles(sys: Sys, folder: string): Promise<readonly string[]> {
  const kinds = await Promise.all(GENERATED_FILES.map(async (file) => (await readIfThere(() => sys.stat(path.join(folder, file))))?.kind));
  return GENERATED_FILES.filter((_, index) => kinds[index] !== 'file');
}

async function firstThere(sys: Sys, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if ((await readIfThere(() => sys.stat(file)))?.kind === 'file') return file;
  return undefined;
}

async function describe(sys: Sys, folder: string, sources: Sources): Promise<HeaderTree> {
  const file = await readFirst(sys, [path.join(folder, 'include/config/auto.conf')], MAX_CONFIG_BYTES);
  const config = parseKconfig(file?.text ?? '');
  const places = [folder, sources.folder];
  return {
    fact: yes(`kernel headers at ${folder}`),
    folder,
    makeWords: sources.makeWords,
    config,
    compiler: kernelCompiler(config),
    uioHeader: await readFirst(sys, places.map((one) => path.join(one, 'include/linux/uio.h')), MAX_HEADER_BYTES),
    moduleSymvers: path.join(folder, 'Module.symvers'),
    bpfHeader: await firstThere(sys, places.map((one) => path.join(one, 'include/uapi/linux/bpf.h'))),
  };
}
