// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { type BuildInputs, buildKey } from '../../../agent/build/cacheKey.js';

const INPUTS: BuildInputs = {
  release: '6.1.0-18-amd64',
  architecture: 'x86_64',
  configSha256: 'c0',
  moduleSymversSha256: undefined,
  compiler: 'clang version 14.0.6',
  moduleCompiler: undefined,
  libbpfVersion: '1.1.2',
  macros: { A: 1, B: 0 },
  helperIds: new Map([['h', 7], ['i', 8]]),
  sources: [{ path: 'a.c', sha256: '01' }, { path: 'lib/b.h', sha256: '02' }],
};

t.test('the same inputs in any order give the same name', (t) => {
  const key = buildKey(INPUTS);
  t.match(key, /^[0-9a-f]{64}$/, 'fit for a folder');
  const turned = { ...INPUTS, macros: { B: 0, A: 1 }, helperIds: new Map([['i', 8], ['h', 7]]), sources: [...INPUTS.sources].reverse() };
  t.equal(buildKey(turned), key);
  t.end();
});

t.test('every input counts, and none can pose as another', (t) => {
  const variants: Partial<BuildInputs>[] = [
    {},
    { release: '6.1.0-19-amd64' },
    { architecture: 'aarch64' },
    { release: '6.1.0-18-amd64x', architecture: '86_64' },
    { moduleSigner: 'aa' },
    { moduleSigner: 'ab' },
    { configSha256: undefined },
    { configSha256: '' },
    { configSha256: '-' },
    { configSha256: undefined, moduleSymversSha256: 'c0' },
    { moduleSymversSha256: 'c0' },
    { compiler: 'clang version 14.0.6;5:1.1.2' },
    { moduleCompiler: 'gcc-12: gcc-12 (Debian 12.2.0-14) 12.2.0' },
    { moduleCompiler: '1.1.2', libbpfVersion: undefined },
    { libbpfVersion: undefined },
    { libbpfVersion: '1.1.3' },
    { macros: { A: 1, B: 1 } },
    { macros: { A: 1 } },
    { macros: { A: 1, B: 0, C: 0 } },
    { macros: {}, helperIds: new Map([['A', 1], ['B', 0]]) },
    { helperIds: new Map([['h', 7]]) },
    { helperIds: new Map([['h', 8], ['i', 7]]) },
    { sources: INPUTS.sources.slice(1) },
    { sources: [{ path: 'a.c', sha256: '02' }, { path: 'lib/b.h', sha256: '01' }] },
    { sources: [{ path: 'a.c0', sha256: '1' }, { path: 'lib/b.h', sha256: '02' }] },
  ];
  const keys = variants.map((variant) => buildKey({ ...INPUTS, ...variant }));
  t.equal(new Set(keys).size, variants.length);
  t.end();
});

t.test('a source that stands twice is a mistake of the caller', (t) => {
  t.throws(() => buildKey({ ...INPUTS, sources: [{ path: 'a.c', sha256: '01' }, { path: 'a.c', sha256: '02' }] }), /a\.c stands twice/);
  t.end();
});
