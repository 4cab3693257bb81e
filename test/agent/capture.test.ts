// SPDX-License-Identifier: Apache-2.0
// doctor on this machine and on its own capture: the same verdict, nothing changed, no secret in the archive.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import t from 'tap';
import { doctor } from '../../agent/commands/doctor.js';
import type { Context } from '../../agent/context.js';
import { Recorder } from '../../agent/doctor/capture.js';
import { openCapture } from '../../agent/doctor/hostRoot.js';
import { resolve } from '../../agent/doctor/paths.js';
import { withoutMountSecrets } from '../../agent/doctor/secrets.js';
import { looksOnly } from '../../agent/doctor/watch.js';
import { exec } from '../../agent/exec.js';
import type { DoctorOptions } from '../../agent/options.js';
import { SEQUENCE } from '../../agent/sequence.js';
import { sys } from '../../agent/sys.js';
import { projectRoot, temporaryFolder, testContext } from '../helpers/agentContext.js';
import { mountTable } from '../helpers/mountTable.js';

type World = Pick<Context, 'sys' | 'exec' | 'options' | 'root'>;

const TOKEN = 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImFiYyJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0';
const KEY = '-----BEGIN RSA PRIVATE KEY-----\nMIIsecretsecretsecret\n-----END RSA PRIVATE KEY-----\n';

async function run(world: World, asked: Partial<DoctorOptions>): Promise<string> {
  const printed: string[] = [];
  await doctor(world, { json: true, hostRoot: undefined, capture: undefined, connect: false, ...asked }, SEQUENCE, (text) => printed.push(text));
  return printed.join('\n');
}

/** Unpacks with the system's tar. @returns the folder of the host */
function unpack(archive: string, folder: string): string {
  mkdirSync(folder);
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  return path.join(folder, 'kmesh-capture');
}

t.test('the capture of this machine gives the verdict of this machine', async (t) => {
  const folder = temporaryFolder(t);
  const mounts = mountTable();
  const { options } = testContext(folder);
  const here: World = { sys, exec, options, root: projectRoot };
  const archive = path.join(folder, 'host.tar');
  const verdict = await run(here, { capture: archive });
  t.same(readdirSync(folder), ['host.tar'], 'nothing else was made');
  t.equal(mountTable(), mounts);
  t.equal(statSync(archive).mode & 0o777, 0o600);
  const host = unpack(archive, path.join(folder, 'there'));
  const elsewhere: World = { sys, exec: () => Promise.reject(new Error('nothing is run here')), options: testContext(temporaryFolder(t)).options, root: '/nowhere' };
  t.equal(await run(elsewhere, { hostRoot: host }), verdict);
  t.match(JSON.parse(verdict), { checks: Array, capabilities: Array });
});

t.test('secrets are not in the archive, wherever they lie', async (t) => {
  const folder = temporaryFolder(t);
  const place = (name: string, text: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  // In the places of files that doctor reads, and of those that are secret by name.
  const header = place('bpf.h', `/* ${TOKEN} */\n`);
  const rootCert = place('root-cert.pem', KEY);
  const token = place('tokens/istio-token', TOKEN);
  const module = place('private/kmesh.ko', KEY);
  place('state/processes.json', JSON.stringify({ note: `Bearer ${TOKEN}` }));
  // A key in a form that its text does not give away.
  const signingKey = place('mok.pem', 'MIIsecretsecretsecret\n');
  const daemonArgs = ['--xds-address', 'istiod.example:15012', '--xds-root-cert', rootCert, '--xds-token', token];
  const { options } = testContext(folder, { options: { bpfHeader: header, module, moduleSigningKey: signingKey, moduleSigningCert: signingKey, daemonArgs } });
  const environment = { ...sys.env, KUBERNETES_SECRET: TOKEN, KERNELDIR: '' };
  const says: typeof exec = async () => ({ stdout: `version 1 ${TOKEN}\n`, tail: [KEY] });
  const archive = path.join(folder, 'host.tar');
  await run({ sys: { ...sys, env: environment }, exec: says, options, root: projectRoot }, { capture: archive });
  const bytes = readFileSync(archive, 'latin1');
  for (const secret of [TOKEN, TOKEN.slice(0, 40), 'MIIsecret', 'c2lnbmF0dXJl']) t.notOk(bytes.includes(secret), secret.slice(0, 12));
  const host = unpack(archive, path.join(folder, 'there'));
  t.ok(existsSync(path.join(host, header)), 'that there is a file is told');
  t.equal(statSync(path.join(host, header)).size, 0);
  const { withheld, stats } = JSON.parse(readFileSync(path.join(host, 'kmesh-capture.json'), 'utf8')) as { withheld: string[]; stats: Record<string, { size: number }> };
  t.ok(withheld.includes(header));
  t.equal(stats[header]?.size, readFileSync(header).length, 'and its size');
});

t.test('the passwords of a mount table are left out', async (t) => {
  const table = '1 0 8:1 / / rw - ext4 /dev/sda rw,errors=remount-ro\n2 1 0:30 / /c rw - cgroup2 cgroup rw,nsdelegate\n3 1 0:9 / /m rw - cifs //user:pw@host/share rw,username=u,password=pw\n';
  t.equal(withoutMountSecrets(table), '1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:30 / /c rw - cgroup2 cgroup rw,nsdelegate\n3 1 0:9 / /m rw - cifs host/share rw\n');
});

t.test('doctor can do nothing but look', async (t) => {
  const eyes = looksOnly(sys);
  const folder = temporaryFolder(t);
  t.throws(() => eyes.makeFolders(path.join(folder, 'x')), /changes nothing/);
  t.throws(() => eyes.writeFileAtomically(path.join(folder, 'x'), ''), /changes nothing/);
  t.throws(() => eyes.kill(process.pid, 'SIGTERM'), /changes nothing/);
  t.same(readdirSync(folder), []);
  t.equal((await eyes.stat(folder))?.kind, 'directory');
});

t.test('links, long names and failures survive the archive', async (t) => {
  const folder = temporaryFolder(t);
  const deep = path.join(folder, 'a'.repeat(80), 'b'.repeat(80));
  mkdirSync(deep, { recursive: true });
  writeFileSync(path.join(deep, 'file'), 'text');
  execFileSync('ln', ['-s', path.join(deep, 'file'), path.join(folder, 'link')]);
  const seen: World = { sys: { ...sys, list: (file) => (file === '/closed' ? Promise.reject(Object.assign(new Error('EACCES: no'), { code: 'EACCES' })) : sys.list(file)) }, exec, options: testContext(folder).options, root: projectRoot };
  const recorder = new Recorder(seen);
  t.equal(await recorder.world.sys.readText(path.join(folder, 'link'), 100), 'text');
  await t.rejects(recorder.world.sys.list('/closed'), { code: 'EACCES' });
  const archive = path.join(folder, 'host.tar');
  writeFileSync(archive, recorder.archive());
  const host = unpack(archive, path.join(folder, 'there'));
  t.equal(readFileSync(path.join(host, deep, 'file'), 'utf8'), 'text');
  t.match(JSON.parse(readFileSync(path.join(host, 'kmesh-capture.json'), 'utf8')), { errors: { 'list /closed': { code: 'EACCES' } } });
});

t.test('a capture can be opened whatever tools print and servers answer', async (t) => {
  const folder = temporaryFolder(t);
  const server = createServer((_, response) => void response.end('x'.repeat(200_000))).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const recorder = new Recorder({ sys, exec, options: testContext(folder).options, root: projectRoot });
  t.equal((await recorder.world.sys.httpGet(url, 5000))?.status, 200);
  const printing = ['-e', 'process.stdout.write(("y".repeat(49) + "\\n").repeat(40_000))'];
  const { stdout } = await recorder.world.exec(process.execPath, printing, { timeoutMs: 30_000 });
  const archive = path.join(folder, 'host.tar');
  writeFileSync(archive, recorder.archive());
  const there = await openCapture({ sys, exec, options: testContext(folder).options, root: projectRoot }, unpack(archive, path.join(folder, 'there')));
  t.equal((await there.sys.httpGet(url, 5000))?.status, 200);
  t.ok((await there.exec(process.execPath, printing, { timeoutMs: 0 })).stdout === stdout, 'the same output');
});

t.test('links that go round are an error, not a loop', async (t) => {
  await t.rejects(resolve(async (file) => (file === '/a' ? 'a' : undefined), '/a/b'), { code: 'ELOOP' });
  t.match(await resolve(async () => undefined, '/../../etc/./x'), { path: '/etc/x' });
});

t.test('an archive that cannot be written is an error', async (t) => {
  const folder = temporaryFolder(t);
  const { options } = testContext(folder);
  const file = path.join(folder, 'no/such/folder/host.tar');
  await t.rejects(run({ sys, exec, options, root: projectRoot }, { capture: file }), { code: 'KM_CAPTURE', exitCode: 18 });
});
