// SPDX-License-Identifier: Apache-2.0
// kmesh-cni behind the plugins that nodes have (Debian's containernetworking-plugins): pods get what they would get without it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { enterSandbox } from '../helpers/sandbox.js';
import { buildPlugin } from './build.js';
import { type Conflist, Runner } from './libcni.js';
import { makeNetns, makeRun, OK, removeNetns, serve } from './stage.js';

const PLUGINS = ['/usr/lib/cni', '/usr/libexec/cni'].find((folder) => fs.existsSync(path.join(folder, 'ptp'))) ?? '/usr/lib/cni';
const missing = ['bridge', 'ptp', 'portmap', 'bandwidth', 'host-local'].filter((name) => !fs.existsSync(path.join(PLUGINS, name)));
if (missing.length > 0 && process.env['CI'] !== 'true') {
  t.pass('plugins of nodes', { skip: `${missing.join(', ')} not in ${PLUGINS} (containernetworking-plugins)` });
  t.end();
  process.exit();
}
await enterSandbox(import.meta.url);
makeRun();
const own = buildPlugin();
const runner = new Runner((type) => (type === 'kmesh-cni' ? own : path.join(PLUGINS, type)), [PLUGINS, path.dirname(own)]);

const ipam = (subnet: string): object => ({ type: 'host-local', subnet, dataDir: '/run/ipam', routes: [{ dst: '0.0.0.0/0' }] });
const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: false };
const bandwidth = { type: 'bandwidth', capabilities: { bandwidth: true } };
const CHAINS: Readonly<Record<string, Conflist['plugins']>> = {
  bridge: [{ type: 'bridge', bridge: 'km-test0', isGateway: true, ipam: ipam('10.88.1.0/24') }],
  'ptp, portmap': [{ type: 'ptp', ipam: ipam('10.88.2.0/24') }, portmap],
  'bridge, portmap, bandwidth': [{ type: 'bridge', bridge: 'km-test1', isGateway: true, ipam: ipam('10.88.3.0/24') }, portmap, bandwidth],
};
const KMESH = { type: 'kmesh-cni', cniFailure: 'allow' };

/** Addresses and routes in a pod's namespace, without what differs from pod to pod. */
const inside = (name: string): unknown => {
  const json = (args: readonly string[]): Record<string, unknown>[] => JSON.parse(execFileSync('ip', ['-json', '-netns', name, ...args], { encoding: 'utf8' })) as Record<string, unknown>[];
  const links = json(['addr', 'show', 'eth0']) as { operstate: string; mtu: number; addr_info: { family: string; prefixlen: number; scope: string }[] }[];
  return { links: links.map(({ mtu, addr_info }) => ({ mtu, addresses: addr_info.filter(({ scope }) => scope === 'global').map(({ family, prefixlen }) => ({ family, prefixlen })) })), routes: json(['route']).map(({ dst, gateway }) => ({ dst, gateway })) };
};

for (const [title, plugins] of Object.entries(CHAINS)) {
  for (const cniVersion of ['0.3.1', '1.0.0']) {
    t.test(`${title}, ${cniVersion}`, async (t) => {
      const daemon = await serve(() => OK);
      t.teardown(() => daemon.close());
      const names = ['without', 'with'] as const;
      const results: Record<string, string> = {};
      const seen: Record<string, unknown> = {};
      for (const [index, name] of names.entries()) {
        const list: Conflist = { cniVersion, name: `net-${title.replace(/\W+/g, '-')}`, plugins: name === 'with' ? [...plugins, KMESH] : plugins };
        const pod = { container: `c-${name}`, netns: makeNetns(name), args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}`, capabilityArgs: { portMappings: [{ hostPort: 18080 + index, containerPort: 80, protocol: 'tcp' }], bandwidth: { ingressRate: 1_000_000, ingressBurst: 1_000_000 } } };
        results[name] = await runner.add(list, pod);
        seen[name] = inside(name);
        // portmap's own CHECK asks for IPv6 rules that its ADD does not make (containernetworking-plugins 1.1.1), with kmesh-cni and without.
        const checked = cniVersion !== '0.3.1' && title === 'bridge';
        if (checked) await runner.check(list, pod, results[name]);
        await runner.del(list, pod, results[name]);
        await runner.del(list, pod, results[name]);
        removeNetns(name);
      }
      t.same(seen['with'], seen['without']);
      const result = JSON.parse(results['with'] ?? '') as { cniVersion: string; interfaces: unknown[]; ips: { address: string }[] };
      const plain = JSON.parse(results['without'] ?? '') as typeof result;
      t.equal(result.cniVersion, cniVersion);
      t.same([Object.keys(result), result.interfaces.length], [Object.keys(plain), plain.interfaces.length]);
      t.same(daemon.requests.map(({ command, pod }) => [command, (pod as { name: string }).name]), [...(cniVersion !== '0.3.1' && title === 'bridge' ? ['ADD', 'CHECK'] : ['ADD']), 'DEL', 'DEL'].map((command) => [command, 'with']));
    });
  }
}

t.test('with deny and no daemon the chain fails, and what it began is taken back by DEL', async (t) => {
  const list: Conflist = { cniVersion: '1.0.0', name: 'net-deny', plugins: [...(CHAINS['ptp, portmap'] ?? []), { ...KMESH, cniFailure: 'deny' }] };
  const pod = { container: 'c-deny', netns: makeNetns('deny') };
  await t.rejects(runner.add(list, pod), { message: /kmesh-cni ADD ended with 1: .*"code":11/ });
  await runner.del(list, pod, undefined);
  t.same(fs.readdirSync('/run/ipam/net-deny').filter((name) => name.startsWith('10.')), [], 'no address stays taken');
  removeNetns('deny');
});
