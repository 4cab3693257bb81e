// SPDX-License-Identifier: Apache-2.0
// Signing a compiled module: keys that cannot be used are told without a word of what is in them.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parseCommandLine } from '../../../agent/cli.js';
import type { KmeshError } from '../../../agent/errors.js';
import { readSigning, signModule } from '../../../agent/module/signing.js';
import { no } from '../../../agent/probe/fact.js';
import { parseKconfig } from '../../../agent/probe/kconfig.js';
import { signatureHash } from '../../../agent/probe/signing.js';
import { errno, temporaryFolder, testContext, type TestContext } from '../../helpers/agentContext.js';
import { makeRoot } from '../../helpers/capturedRoot.js';
import { makePair, type Pair } from '../../helpers/signingPair.js';

const folder = temporaryFolder(t);
const [pair, der, other] = [makePair(folder, 'one'), makePair(folder, 'two', 'DER'), makePair(folder, 'three')];
const withPair = ({ key, certificate }: Pair): TestContext => testContext(folder, { options: { moduleSigningKey: key, moduleSigningCert: certificate } });

t.test('a pair that fits is named by its certificate', async (t) => {
  t.equal(await readSigning(testContext(folder)), undefined);
  const [one, two] = [await readSigning(withPair(pair)), await readSigning(withPair(der))];
  t.match(one, { key: pair.key, certificate: pair.certificate, subject: 'CN=one', fingerprint: /^[0-9a-f]{64}$/ });
  t.match(two, { subject: 'CN=two' }, 'in DER too');
  t.not((one as { fingerprint: string }).fingerprint, (two as { fingerprint: string }).fingerprint);
});

t.test('what cannot be used', async (t) => {
  const locked = path.join(folder, 'locked.key');
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', pair.key, '-out', locked, '-passout', 'pass:x'], { stdio: 'ignore' });
  writeFileSync(path.join(folder, 'text'), 'SECRET and no key');
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [other.key, pair.certificate, /the key does not belong to the certificate/],
    [locked, pair.certificate, /protected by a passphrase/],
    [path.join(folder, 'text'), pair.certificate, /the key is not a private key in PEM/],
    [pair.key, path.join(folder, 'text'), /the certificate is not an X\.509 certificate/],
    [path.join(folder, 'none'), pair.certificate, /ENOENT/],
  ];
  for (const [key, certificate, detail] of cases) {
    const ctx = withPair({ key, certificate });
    const signing = (await readSigning(ctx)) as { unusable: KmeshError };
    t.match(signing.unusable, { code: 'KM_MODULE_SIGNING_KEY', exitCode: 12, detail });
    await t.rejects(signModule(ctx, signing, '/nowhere'), { code: 'KM_MODULE_SIGNING_KEY' });
    t.notMatch(JSON.stringify([signing.unusable.toJSON(), ctx.lines]), /SECRET|PRIVATE KEY/);
  }
  const unreadable = testContext(folder, { options: { moduleSigningKey: pair.key, moduleSigningCert: pair.certificate }, sys: { readBytes: () => Promise.reject(errno('EACCES')) } });
  t.match(await readSigning(unreadable), { unusable: { code: 'KM_MODULE_SIGNING_KEY', detail: /EACCES/ } });
});

t.test("the tree's own program signs, by the kernel's hash", async (t) => {
  const ctx = withPair(pair);
  const file = path.join(folder, 'kmesh.ko');
  const signing = (await readSigning(ctx))!;
  const tree = (text: string): void => {
    makeRoot(folder, { '/h/scripts/sign-file': text });
    ctx.results.kernelFiles = { configText: undefined, headerTree: { fact: no('a test'), folder: path.join(folder, 'h'), config: parseKconfig('CONFIG_MODULE_SIG_HASH="sha512"'), compiler: undefined, uioHeader: undefined, moduleSymvers: undefined }, libbpfVersion: undefined, memoryEventFiles: [] };
  };
  tree('#!/bin/sh\n[ $# = 0 ] && exit 2\necho "$1" "$2" "$3" > "$4"\n');
  await signModule(ctx, signing, file);
  t.equal(readFileSync(file, 'utf8'), `sha512 ${pair.key} ${pair.certificate}\n`);
  t.match(ctx.lines.at(-1), { msg: 'kmesh.ko is signed by CN=one' });
  t.notMatch(JSON.stringify(ctx.lines), /PRIVATE KEY/);
  tree('#!/bin/sh\n[ $# = 0 ] && exit 2\necho "At main.c:171: error" >&2\nexit 1\n');
  await t.rejects(signModule(ctx, signing, file), { code: 'KM_MODULE_SIGN', exitCode: 12, tail: ['At main.c:171: error'] });
  tree('#!/bin/sh\necho "sign-file: error while loading shared libraries: libcrypto.so.1.1: cannot open shared object file" >&2\nexit 127\n');
  await t.rejects(signModule(ctx, signing, file), { code: 'KM_HEADERS_TOOLS', detail: /libcrypto\.so\.1\.1/ });
});

t.test('the hash is one that sign-file knows', async (t) => {
  t.equal(signatureHash(undefined), 'sha256');
  t.equal(signatureHash(parseKconfig('CONFIG_MODULE_SIG_HASH="sha384"')), 'sha384');
  t.equal(signatureHash(parseKconfig('CONFIG_MODULE_SIG_HASH="-p"')), 'sha256');
});

t.test('one option without the other is a mistake', async (t) => {
  const parse = (argv: string[]) => parseCommandLine(argv, { phases: [], capabilities: [], terminal: false });
  await t.rejects(parse(['--module-signing-key', '/k']), { code: 'KM_USAGE', detail: /go together/ });
  t.match(await parse(['--module-signing-key', '/k', '--module-signing-cert', '/c']), { options: { moduleSigningKey: '/k', moduleSigningCert: '/c' } });
});
