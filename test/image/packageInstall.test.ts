// SPDX-License-Identifier: Apache-2.0
// The packages on a Debian that has what they need and nothing of kmesh: a node in the mesh without systemd, and removed without a trace.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { ROOT } from '../helpers/node.js';
import { enterSandbox, makeCgroup, run } from '../helpers/sandbox.js';
import { DebianRoot } from './debianRoot.js';
import { answer, startBackends } from './place.js';

await enterSandbox(import.meta.url);

const packages = process.env['KMESH_TEST_PACKAGES'] ?? '';
const named = (pattern: RegExp): string => path.join(packages, fs.readdirSync(packages).find((name) => pattern.test(name)) ?? 'none');
const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
const CONFIG = '/etc/kmesh/kmesh.env';

const root = new DebianRoot(process.env['KMESH_TEST_BARE'] ?? '');
t.teardown(() => root.remove());
t.teardown(await startBackends());
const cgroup = makeCgroup();
const before = new Set(root.files());
const added = (): readonly string[] => root.files().filter((name) => !before.has(name));
const missing = (): readonly string[] => {
  const now = new Set(root.files());
  return [...before].filter((name) => !now.has(name));
};

/** The kernel's own pins are in every bpffs (kernel/bpf/preload). */
const traces = (): readonly string[] => [
  ...fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes('kmesh_cgroup2')),
  ...fs.readdirSync('/sys/fs/bpf').filter((name) => !name.endsWith('.debug')),
];

const startKmesh = () =>
  root.start(/"msg":"ready: /, { XDS_ADDRESS: 'file:///usr/share/doc/kmesh/samples/mesh' }, 'kmesh', '--mode=ads', `--attach-cgroup=${path.basename(cgroup)}`, '--log-format=json');

t.test('the deb: dpkg finds all that it needs, and the command works', async (t) => {
  t.notMatch(root.runWith(named(/^kmesh_.*\.deb$/), 'dpkg', '--install'), /warning|error/i);
  t.equal(root.run('dpkg-query', '--show', '--showformat', '${Status} ${Version}', 'kmesh'), `install ok installed ${version}-1`);
  t.equal(root.run('kmesh', '--version').trim(), version);
  const report = JSON.parse(root.try('kmesh', 'doctor', '--json').output) as { checks: { name: string; state: string }[] };
  t.ok(report.checks.length > 30, `doctor looks at ${report.checks.length} things`);
});

t.test('the unit is one that systemd understands', async (t) => {
  const folder = t.testdir();
  const unit = fs.readFileSync(path.join(root.folder, 'usr/lib/systemd/system/kmesh.service'), 'utf8');
  fs.writeFileSync(path.join(folder, 'kmesh.service'), unit.replace('/usr/bin/kmesh', path.join(root.folder, 'usr/bin/kmesh')));
  run('systemd-analyze', ['verify', path.join(folder, 'kmesh.service')]);
  fs.writeFileSync(path.join(folder, 'kmesh.service'), unit);
  t.throws(() => run('systemd-analyze', ['verify', path.join(folder, 'kmesh.service')]), /usr\/bin\/kmesh is not executable/, 'which looks at the command, too');
});

t.test('kmesh --mode=ads brings the node up; a removal is refused meanwhile; after a crash it takes everything along', async (t) => {
  const agent = await startKmesh();
  t.match(await answer(cgroup, 'http://10.96.0.10/'), /^v1-[ab]$|^v2$/);
  t.equal(await answer(cgroup, 'http://10.96.0.12/'), 'ECONNREFUSED');

  const refused = root.try('dpkg', '--remove', 'kmesh');
  t.not(refused.status, 0);
  t.match(refused.output, /KM_AGENT_RUNNING[^]*Stop that agent first[^]*it is not removed/);
  t.match(await answer(cgroup, 'http://10.96.0.10/'), /^v/, 'and the node goes on');

  fs.appendFileSync(path.join(root.folder, CONFIG), '# mine\n');
  root.runWith(named(/^kmesh_.*\.deb$/), 'dpkg', '--install');
  t.match(fs.readFileSync(path.join(root.folder, CONFIG), 'utf8'), /# mine/, 'an upgrade leaves the settings alone');

  agent.kill('SIGKILL');
  await once(agent, 'exit');
  t.match(await answer(cgroup, 'http://10.96.0.10/'), /^v/, 'its programs and its daemon are still there');
  t.ok(added().some((name) => name.startsWith('/var/lib/kmesh/build/')));
  root.run('dpkg', '--remove', 'kmesh');
  t.same(traces(), [], 'no pin, no mount');
  t.not(await answer(cgroup, 'http://10.96.0.10/'), 'v1-a', 'nothing is steered');
  t.same(added(), ['/etc/kmesh', CONFIG], 'the settings stay, the builds do not');
  root.run('dpkg', '--purge', 'kmesh');
  t.same(added(), [], 'and then nothing is left');
  t.same(missing(), [], 'nor is anything missing');
});

t.test('a removal leaves alone what an agent of a container did', async (t) => {
  root.runWith(named(/^kmesh_.*\.deb$/), 'dpkg', '--install');
  const record = path.join(root.folder, 'var/lib/kmesh/processes.json');
  fs.mkdirSync(path.dirname(record));
  fs.writeFileSync(record, JSON.stringify({ bootId: 'x', namespace: 'pid:[1]', agent: { pid: 1, startTime: '1' } }));
  fs.mkdirSync('/sys/fs/bpf/bpf_kmesh');
  t.match(root.run('dpkg', '--purge', 'kmesh'), /an agent of a container is on record/);
  t.ok(fs.existsSync('/sys/fs/bpf/bpf_kmesh'));
  fs.rmdirSync('/sys/fs/bpf/bpf_kmesh');
  fs.rmSync(path.dirname(record), { recursive: true });
});

t.test('without a Node that is new enough, with kmesh-node', async (t) => {
  const node = path.join(root.folder, 'usr/bin/node');
  fs.renameSync(node, `${node}.away`);
  root.runWith(named(/^kmesh-node_.*\.deb$/), 'dpkg', '--install');
  root.runWith(named(/^kmesh_.*\.deb$/), 'dpkg', '--install');
  t.equal(root.run('kmesh', '--version').trim(), version);
  root.run('dpkg', '--purge', 'kmesh', 'kmesh-node');
  fs.renameSync(`${node}.away`, node);
  t.same(added(), []);
});

t.test('the rpm: brings the node up as well, and leaves nothing', async (t) => {
  // The names of its needs are those of other distributions: rpm's own database here is empty. Its scripts inherit what tap gives to children (debianRoot.ts).
  const command = ['--unset=NODE_OPTIONS', 'rpm', '--root', root.folder, '--force-debian', '--nodeps'];
  const rpm = (...words: readonly string[]): string => run('env', [...command, ...words]);
  rpm('--install', named(/^kmesh-\d.*\.rpm$/));
  t.equal(run('rpm', ['--root', root.folder, '--query', 'kmesh', '--queryformat', '%{VERSION}-%{RELEASE}']), `${version}-1`);
  t.same(run('rpm', ['--root', root.folder, '--verify', '--nodeps', 'kmesh']), '', 'each file has the mode, owner and digest of the package');
  const agent = await startKmesh();
  t.match(await answer(cgroup, 'http://10.96.0.10/'), /^v1-[ab]$|^v2$/);
  const refused = spawnSync('env', [...command, '--erase', 'kmesh'], { encoding: 'utf8' });
  t.not(refused.status, 0);
  t.match(`${refused.stdout}${refused.stderr}`, /KM_AGENT_RUNNING[^]*it is not removed/);
  agent.kill('SIGTERM');
  t.same(await once(agent, 'exit'), [0, null]);
  rpm('--erase', 'kmesh');
  t.same(traces(), []);
  // The one folder that belongs to the package `filesystem` of those distributions, which is not here.
  t.same(added(), ['/usr/share/licenses']);
});
