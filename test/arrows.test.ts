// SPDX-License-Identifier: Apache-2.0
// Reads every import of agent/ and daemon/ and keeps the arrows of ARCHITECTURE.md true.
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

interface Source {
  /** Relative to the project, as agent/probe/btf.ts. */
  readonly file: string;
  readonly imports: readonly string[];
}

/** Files with what they import: own files relative to the project, others as they are written. */
function sources(folder: string): Source[] {
  const names = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, imports: importsOf(readFileSync(path.join(root, file), 'utf8')).map((one) => resolve(file, one)) }));
}

/** Static and dynamic imports, re-exports, types included. */
function importsOf(text: string): string[] {
  const patterns = [/^(?:import|export)\b[^'";]*?\bfrom\s+'([^']+)'/gm, /^import\s+'([^']+)'/gm, /\bimport\(\s*'([^']+)'/g, /\brequire\(\s*'([^']+)'/g];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, name = '']) => name));
}

function resolve(file: string, imported: string): string {
  return imported.startsWith('.') ? path.join(path.dirname(file), imported).replace(/\.js$/, '.ts') : imported;
}

const all = [...sources('agent'), ...sources('daemon'), ...sources('common')];
const isOwn = (imported: string): boolean => /^(agent|daemon|common|test)\//.test(imported);

/** Rooms that turn values into values. What they may import besides their own room. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  'agent/probe': [],
  'agent/build': ['agent/probe'],
  'agent/status': ['agent/probe', 'common'],
  'daemon/model': ['daemon/proto'],
  'daemon/diff': ['daemon/model'],
  'daemon/membership': [],
  common: [],
};

const WITHOUT_EFFECTS = ['node:crypto', 'node:path', 'node:url', 'node:util', 'node:buffer', 'node:net'];

/** node:net is allowed for the one function in it that touches nothing: isIP. */
const NET_FUNCTIONS = /^import \{ (isIP|isIPv4|isIPv6)(, (isIP|isIPv4|isIPv6))* \} from 'node:net';$/m;

/** Packages by which a file touches the world. */
const TOUCHING = ['execa', 'fs-extra', 'koffi', '@grpc/grpc-js'];

const touches = (imported: string): boolean => TOUCHING.includes(imported) || (isBuiltin(imported) && !WITHOUT_EFFECTS.includes(imported));

t.test('the reader of imports sees every form', async (t) => {
  const text = `import a from 'a';\nimport { b,\n  c } from './b.js';\nimport type { D } from 'd';\nexport { e } from 'e';\nexport * from 'f';\nimport 'g';\nconst h = await import('h');`;
  t.same(importsOf(text).sort(), ['./b.js', 'a', 'd', 'e', 'f', 'g', 'h']);
  t.ok(all.length > 40, 'there are sources to read');
  t.same(['node:fs', 'fs', 'fs/promises', 'node:child_process', 'execa'].filter(touches).length, 5, 'and knows what touches the world');
});

t.test('agent and daemon share nothing but contracts, and nothing imports from test/', async (t) => {
  const crossing = all.flatMap(({ file, imports }) => imports.filter((one) => isOwn(one) && !one.startsWith('common/') && one.split('/')[0] !== file.split('/')[0]).map((one) => `${file} -> ${one}`));
  t.same(crossing, []);
});

/** The lock of a file, which both take and which needs a native call; whoever may use it. */
const LOCK = 'common/fileLock.ts';
const LOCK_USERS = ['agent/sys.ts', 'daemon/exclusive.ts'];

t.test('locks are taken in two places only', async (t) => {
  const valueImport = /^import \{(?! type [^,}]* \})[^}]*\} from '[./]+common\/fileLock\.js';$/m;
  const users = all.filter(({ file, imports }) => imports.includes(LOCK) && valueImport.test(readFileSync(path.join(root, file), 'utf8'))).map(({ file }) => file);
  t.same(users, LOCK_USERS, 'others know its types');
});

t.test('pure rooms touch nothing and import only what they may', async (t) => {
  for (const [room, others] of Object.entries(PURE)) {
    const files = all.filter(({ file }) => file.startsWith(`${room}/`) && file !== LOCK);
    const allowed = [room, ...others];
    const wrong = files.flatMap(({ file, imports }) =>
      imports.filter((one) => touches(one) || (isOwn(one) && !allowed.some((other) => one.startsWith(`${other}/`)))).map((one) => `${file} -> ${one}`),
    );
    t.same(wrong, [], room);
    for (const { file } of files.filter(({ imports }) => imports.includes('node:net'))) t.match(readFileSync(path.join(root, file), 'utf8'), NET_FUNCTIONS, file);
  }
});

t.test('in the agent only exec.ts and sys.ts touch the world', async (t) => {
  const exceptions = {
    // node:fs for oom_score_adj of its own child.
    'agent/exec.ts': ['execa', 'node:fs', 'node:os', 'node:stream'],
    // What sys.ts hands out as serveHttp().
    'agent/httpServer.ts': ['node:events', 'node:http'],
    // What sys.ts hands out as httpsGet().
    'agent/httpsClient.ts': ['node:https'],
    // What sys.ts hands out as watchFolders().
    'agent/folderWatch.ts': ['node:fs'],
    // setresgid for the own process: neither a file nor a program.
    'agent/identity.ts': ['koffi'],
    // waitpid for children of the own process.
    'agent/reaper.ts': ['koffi'],
    // How V8 sizes the own heap.
    'agent/smallHeap.ts': ['node:v8'],
  };
  const found = all
    .filter(({ file }) => file.startsWith('agent/') && file !== 'agent/sys.ts')
    .flatMap(({ file, imports }) => imports.filter(touches).map((one) => [file, one] as const))
    .filter(([file, one]) => !(exceptions as Record<string, string[]>)[file]?.includes(one));
  t.same(found, []);
});

t.test('phases are only known to the sequence, and the runner knows no phase', async (t) => {
  const importers = all.filter(({ imports }) => imports.some((one) => one.startsWith('agent/phases/'))).map(({ file }) => file);
  t.same(importers, ['agent/sequence.ts']);
  const ofSequence = all.filter(({ imports }) => imports.includes('agent/sequence.ts')).map(({ file }) => file);
  t.same(ofSequence, ['agent/main.ts']);
});

t.test('libbpf is only called in daemon/maps', async (t) => {
  const callers = all.filter(({ file, imports }) => imports.includes('koffi') && file.startsWith('daemon/') && !file.startsWith('daemon/maps/'));
  t.same(callers.map(({ file }) => file), ['daemon/identity.ts', 'daemon/pods/netns.ts'], 'setresgid and setns are the other native calls');
  const maps = all.filter(({ file }) => file.startsWith('daemon/maps/')).flatMap(({ file, imports }) => imports.filter(isOwn).map((one) => ({ file, one })));
  t.same(maps.filter(({ one }) => !/^daemon\/(maps|model|diff)\/|^daemon\/errors\.ts$/.test(one)), []);
});

t.test('xds knows the model, and neither the maps nor the way to them', async (t) => {
  const xds = all.filter(({ file }) => file.startsWith('daemon/xds/')).flatMap(({ file, imports }) => imports.filter(isOwn).map((one) => `${file} -> ${one}`));
  t.same(xds.filter((arrow) => / -> daemon\/(maps|diff|admin|main|applier)/.test(arrow)), []);
});

function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
    if (way.includes(file) || done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return circles;
}

t.test('no import goes round in a circle', async (t) => {
  t.same(circlesIn(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]])), ['b -> c -> b'], 'a circle is found');
  t.same(circlesIn(new Map(all.map(({ file, imports }) => [file, imports.filter(isOwn)]))), []);
});
