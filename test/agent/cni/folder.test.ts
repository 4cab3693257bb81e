// SPDX-License-Identifier: Apache-2.0
// Folders of CNI configurations, in memory: which one counts, what is done to it in which order, what is left when the power fails between any two
// steps, and what is there when we are gone again.
import path from 'node:path';
import t from 'tap';
import { keepInChain, removeFromNode } from '../../../agent/cni/chain.js';
import { readCniConfig } from '../../../agent/probe/cniConfig.js';
import { choose } from '../../../agent/probe/cniFolder.js';
import { testContext, type TestContext } from '../../helpers/agentContext.js';
import { MemoryFiles } from '../../helpers/faults/memoryFiles.js';
import type { Captured } from '../../helpers/capturedRoot.js';
import type { Sys } from '../../../agent/sys.js';

const PLACES = { confDir: '/etc/cni/net.d', binDir: '/opt/cni/bin' };
const ALLOW = { cniFailure: 'allow' } as const;
const OURS = 'kmesh-cni of the Kmesh node agent, a build';
const LIST = '{"cniVersion": "1.0.0", "name": "net", "plugins": [\n  {"type": "bridge"},\n  {"type": "portmap"}\n]}\n';
const CONF = '{"cniVersion": "0.3.1", "name": "old", "type": "bridge"}\n';

class Node {
  readonly files = new MemoryFiles();

  constructor(conf: Captured, others: Captured = { '/opt/cni/bin/bridge': 'bridge' }) {
    this.files.add({ '/kmesh/cni/kmesh-cni': OURS, '/etc/cni/net.d/.keep': '', '/opt/cni/bin/.keep': '', ...others });
    for (const [name, text] of Object.entries(conf)) this.files.put(path.join(PLACES.confDir, name), text);
  }

  ctx(sys: Partial<Sys> = {}): TestContext {
    return testContext('/test', { root: '/kmesh', sys: { ...this.files.sys, ...sys } });
  }

  keep(settings: { cniFailure: 'allow' | 'deny' } = ALLOW, sys?: Partial<Sys>): ReturnType<typeof keepInChain> {
    return keepInChain(this.ctx(sys), PLACES, settings);
  }

  remove(): ReturnType<typeof removeFromNode> {
    return removeFromNode(this.ctx(), PLACES);
  }

  get conf(): Record<string, string> {
    return Object.fromEntries(this.files.below(PLACES.confDir).filter((file) => !file.endsWith('.keep')).sort().map((file) => [path.basename(file), this.files.text(file) ?? '<link>']));
  }

  /** Types of the chain that a runtime uses: the first that it takes. It knows nothing of us. */
  get inForce(): readonly string[] | undefined {
    for (const [name, text] of Object.entries(this.conf)) {
      const config = /\.(conf|conflist|json)$/.test(name) ? readCniConfig(text, name.endsWith('.conflist')) : undefined;
      if (config !== undefined) return config.types;
    }
    return undefined;
  }

  get program(): string | undefined {
    return this.files.text('/opt/cni/bin/kmesh-cni');
  }
}

const FOLDERS: Readonly<Record<string, { readonly conf: Captured; readonly chain: readonly string[] }>> = {
  'one chain': { conf: { '10-net.conflist': LIST }, chain: ['bridge', 'portmap', 'kmesh-cni'] },
  'a single plugin': { conf: { '10-old.conf': CONF }, chain: ['bridge', 'kmesh-cni'] },
  'a single plugin as .json': { conf: { 'old.json': CONF }, chain: ['bridge', 'kmesh-cni'] },
  'several: the first by name': { conf: { '20-b.conflist': LIST, '10-a.conf': CONF, '30-c.json': CONF }, chain: ['bridge', 'kmesh-cni'] },
  'a .conf hides the .conflist of its name': { conf: { '10-a.conf': CONF, '10-a.conflist': LIST }, chain: ['bridge', 'kmesh-cni'] },
  'broken ones are skipped': { conf: { '00-empty.conf': '', '01-zeros.conflist': '\0\0', '02-cut.conflist': LIST.slice(0, 40), '03-list.conf': LIST, '10-net.conflist': LIST }, chain: ['bridge', 'portmap', 'kmesh-cni'] },
  'other files are none': { conf: { '00-net.conflist.bak': LIST, '00-net.conflist~': LIST, 'README': 'x', '10-net.conflist': LIST }, chain: ['bridge', 'portmap', 'kmesh-cni'] },
};

for (const [name, { conf, chain }] of Object.entries(FOLDERS)) {
  t.test(`${name}: in, again, set otherwise, out`, async (t) => {
    const node = new Node(conf);
    const before = node.conf;
    t.match(await node.keep(), { changed: true });
    t.same(node.inForce, chain);
    t.equal(node.program, OURS);
    const extended = node.conf;
    t.match(await node.keep(), { changed: false });
    t.same(node.conf, extended, 'once is enough');
    await node.keep({ cniFailure: 'deny' });
    t.same(node.inForce, chain);
    t.not(Object.values(node.conf).join().includes('"cniFailure":"allow"'), true);
    await node.remove();
    t.same(node.conf, before, 'byte for byte');
    t.equal(node.program, undefined);
    t.same(await node.remove(), [], 'and again: nothing to do');
  });

  t.test(`${name}: the power fails between any two steps`, async (t) => {
    const lost = Object.assign(new Error('power'), { code: 'EIO' });
    let cuts = 0;
    for (const way of ['in', 'out'] as const) {
      for (let steps = 0; ; steps += 1) {
        const node = new Node(conf);
        const before = node.conf;
        const plain = node.inForce;
        if (way === 'out') await node.keep();
        let left = steps;
        const dying = Object.fromEntries((['replaceFile', 'rename', 'removeTree', 'sync'] as const).map((call) => [call, async (...args: never[]) => {
          if ((left -= 1) < 0) throw lost;
          return (node.files.sys[call] as (...args: never[]) => unknown)(...args);
        }])) as Partial<Sys>;
        const work = way === 'in' ? keepInChain(node.ctx(dying), PLACES, ALLOW) : removeFromNode(node.ctx(dying), PLACES);
        const died = await work.then(() => false, () => true);
        const types = node.inForce;
        t.ok(JSON.stringify(types) === JSON.stringify(plain) || JSON.stringify(types) === JSON.stringify(chain), `${way}, ${steps} steps: ${types?.join(', ')}`);
        if (types?.includes('kmesh-cni') === true) t.equal(node.program, OURS, 'a chain that names it has it');
        await node.keep();
        t.same(node.inForce, chain, `${way}, ${steps} steps: the next start mends it`);
        await node.remove();
        t.same(node.conf, before, `${way}, ${steps} steps: and goes without a trace`);
        if (!died) break;
        cuts += 1;
      }
    }
    t.ok(cuts >= 4, `${cuts} places`);
  });
}

t.test('what a write leaves that was cut short goes', async (t) => {
  const node = new Node({ '10-net.conflist': LIST, '10-net.conflist.kmesh-0123456789ab.partial': '{"na', '10-net.conflist.partial': 'of others' });
  await node.keep();
  t.same(Object.keys(node.conf), ['10-net.conflist', '10-net.conflist.partial']);
});

t.test('others change the folder while we are in it', async (t) => {
  const rewritten = LIST.replace('"net"', '"net2"');
  const changes: Readonly<Record<string, { readonly conf: Captured; readonly change: (node: Node) => void; readonly chain: readonly string[]; readonly then: Captured }>> = {
    'the file is written anew': { conf: { '10-net.conflist': LIST }, change: ({ files }) => files.put('/etc/cni/net.d/10-net.conflist', rewritten), chain: ['bridge', 'portmap', 'kmesh-cni'], then: { '10-net.conflist': rewritten } },
    'a plugin is appended to it': { conf: { '10-net.conflist': LIST }, change: ({ files }) => files.put('/etc/cni/net.d/10-net.conflist', files.text('/etc/cni/net.d/10-net.conflist')!.replace('\n]', ',\n  {"type": "istio-cni"}\n]')), chain: ['bridge', 'portmap', 'kmesh-cni', 'istio-cni'], then: { '10-net.conflist': LIST.replace('\n]', ',\n  {"type": "istio-cni"}\n]') } },
    'another one sorts before it': { conf: { '10-net.conflist': LIST }, change: ({ files }) => files.put('/etc/cni/net.d/05-first.conf', CONF), chain: ['bridge', 'kmesh-cni'], then: { '05-first.conf': CONF, '10-net.conflist': LIST } },
    'another one sorts before a .conf': { conf: { '10-old.conf': CONF }, change: ({ files }) => files.put('/etc/cni/net.d/05-first.conflist', LIST), chain: ['bridge', 'portmap', 'kmesh-cni'], then: { '05-first.conflist': LIST, '10-old.conf': CONF } },
    'a .conf is written anew': { conf: { '10-old.conf': CONF }, change: ({ files }) => files.put('/etc/cni/net.d/10-old.conf', CONF.replace('old', 'new')), chain: ['bridge', 'kmesh-cni'], then: { '10-old.conf': CONF.replace('old', 'new') } },
    'the first one goes': { conf: { '05-a.conf': CONF, '10-net.conflist': LIST }, change: ({ files }) => ['05-a.conf', '05-a.conf.kmesh-saved', '05-a.conf.kmesh.conflist'].forEach((name) => files.items.delete(`/etc/cni/net.d/${name}`)), chain: ['bridge', 'portmap', 'kmesh-cni'], then: { '10-net.conflist': LIST } },
    'our plugin is taken out': { conf: { '10-net.conflist': LIST }, change: ({ files }) => files.put('/etc/cni/net.d/10-net.conflist', LIST), chain: ['bridge', 'portmap', 'kmesh-cni'], then: { '10-net.conflist': LIST } },
    'our program is removed': { conf: { '10-net.conflist': LIST }, change: ({ files }) => files.items.delete('/opt/cni/bin/kmesh-cni'), chain: ['bridge', 'portmap', 'kmesh-cni'], then: { '10-net.conflist': LIST } },
  };
  for (const [name, { conf, change, chain, then }] of Object.entries(changes)) {
    const node = new Node(conf);
    await node.keep();
    change(node);
    t.match(await node.keep(), { changed: name !== 'a plugin is appended to it' }, name);
    t.same(node.inForce, chain, name);
    t.equal(node.program, OURS, name);
    await node.remove();
    t.same(node.conf, then, `${name}: what would be there without us`);

    const other = new Node(conf);
    await other.keep();
    change(other);
    await other.remove();
    t.same(other.conf, then, `${name}, and nobody looked meanwhile`);
  }
});

t.test('a chain of ours that others changed is theirs: it stays in force without ours', async (t) => {
  const node = new Node({ '10-old.conf': CONF });
  await node.keep();
  const made = '/etc/cni/net.d/10-old.conf.kmesh.conflist';
  node.files.put(made, node.files.text(made)!.replace('"bridge"}', '"bridge"},\n    {"type": "istio-cni"}'));
  await node.keep();
  t.same(node.inForce, ['bridge', 'istio-cni', 'kmesh-cni']);
  await node.remove();
  t.same(node.inForce, ['bridge', 'istio-cni']);
  t.equal(node.conf['10-old.conf.kmesh-saved'], CONF, 'and what it was made from is not lost');
});

t.test('somebody writes between the look and the write', async (t) => {
  const node = new Node({ '10-net.conflist': LIST });
  const rewritten = LIST.replace('"net"', '"meanwhile"');
  let first = true;
  await node.keep(ALLOW, {
    replaceFile: async (file, data, how) => {
      if (file.endsWith('.conflist') && first) {
        first = false;
        node.files.put('/etc/cni/net.d/10-net.conflist', rewritten);
      }
      return node.files.sys.replaceFile(file, data, how);
    },
  });
  t.same(node.inForce, ['bridge', 'portmap', 'kmesh-cni']);
  await node.remove();
  t.equal(node.conf['10-net.conflist'], rewritten, 'their write is not lost');
  const old = new Node({ '10-old.conf': CONF });
  const [newer, once] = [CONF.replace('old', 'newer'), { done: false }];
  await old.keep(ALLOW, {
    rename: async (from, to) => {
      if (!once.done) old.files.put('/etc/cni/net.d/10-old.conf', newer);
      once.done = true;
      await old.files.sys.rename(from, to);
    },
  });
  t.match(Object.values(old.conf).join(), /newer.*newer/s);
  await old.remove();
  t.same(old.conf, { '10-old.conf': newer });
});

t.test('somebody writes a .conf anew while its saved file is on the way back', async (t) => {
  const node = new Node({ '10-old.conf': CONF });
  await node.keep();
  node.files.put('/etc/cni/net.d/05-first.conflist', LIST);
  const newer = CONF.replace('old', 'newer');
  await node.keep(ALLOW, {
    replaceFile: async (file, data, how) => {
      // What comes before the way back waits for the disk.
      if (file.endsWith('05-first.conflist')) node.files.put('/etc/cni/net.d/10-old.conf', newer);
      return node.files.sys.replaceFile(file, data, how);
    },
  });
  t.same(node.inForce, ['bridge', 'portmap', 'kmesh-cni']);
  t.equal(node.conf['10-old.conf'], newer, 'their write is not lost');
  await node.remove();
  t.same(node.conf, { '05-first.conflist': LIST, '10-old.conf': newer });
});

t.test('a program that a copy of the chain calls stays until the copy is gone', async (t) => {
  const node = new Node({ '10-net.conflist': LIST });
  await node.keep();
  const multus = '/etc/cni/net.d/00-multus.conf';
  // As Multus writes it: the chain of the node, with ours in it, inside of its own configuration.
  const copy = `{"cniVersion": "0.3.1", "name": "multus-cni-network", "type": "multus", "delegates": [${node.conf['10-net.conflist']}]}\n`;
  node.files.put(multus, copy);
  t.match(await node.remove(), ['kmesh-cni from the CNI chain in /etc/cni/net.d']);
  t.same(node.conf, { '00-multus.conf': copy, '10-net.conflist': LIST }, 'what others wrote is theirs');
  t.equal(node.program, OURS, 'and no pod of theirs lacks a plugin');
  node.files.put(multus, copy.replaceAll(/,\s*\{"type":"kmesh-cni"[^}]*\}/g, ''));
  t.match(await node.remove(), ['/opt/cni/bin/kmesh-cni']);
  t.equal(node.program, undefined);
});

t.test('nothing to extend: it waits and changes nothing', async (t) => {
  for (const conf of [{}, { '10-net.conflist': '{}' }, { README: 'x' }]) {
    const node = new Node(conf);
    const before = node.conf;
    t.match(await node.keep(), { chosen: undefined, changed: false });
    t.same(node.conf, before);
    t.equal(node.program, undefined, 'no program without a chain');
  }
  const none = new Node({});
  none.files.removeBelow('/etc/cni');
  none.files.items.delete('/etc/cni');
  t.match(await none.keep(), { chosen: undefined, why: 'there is no folder /etc/cni/net.d' });
});

t.test('what must not be extended is not, and pods go on starting', async (t) => {
  const named = (version: string): string => LIST.replace('1.0.0', version);
  const cases: readonly (readonly [string, string, Captured, Captured?])[] = [
    ['a version of the future', 'KM_CNI_VERSION', { '10-net.conflist': named('1.2.0') }],
    ['a version of the past', 'KM_CNI_VERSION', { '10-net.conflist': named('0.2.0') }],
    ['no version', 'KM_CNI_VERSION', { '10-net.conf': '{"name":"n","type":"bridge"}' }],
    ['one of several versions', 'KM_CNI_VERSION', { '10-net.conflist': LIST.replace('"name"', '"cniVersions": ["1.1.0", "2.0.0"], "name"') }],
    ['another Kmesh', 'KM_CNI_CONFIG', { '10-net.conflist': LIST.replace('\n]', ',{"type":"kmesh-cni","kubeconfig":"/k"}\n]') }],
    ['plugins twice', 'KM_CNI_CONFIG', { '10-net.conflist': LIST.replace('"name"', '"plugins": [], "name"') }],
    ['a link that leads nowhere from here', 'KM_CNI_CONFIG', { '05-link.conflist': { link: '/var/lib/x.conflist' }, '10-net.conflist': LIST }],
    ['a link', 'KM_CNI_CONFIG', { '05-link.conflist': { link: '/etc/cni/net.d/real' }, real: LIST }],
    ['plugins that are elsewhere', 'KM_CNI_FOLDER', { '10-net.conflist': LIST }, { '/opt/cni/bin/other': '' }],
    ['no program of ours', 'KM_CNI_PLUGIN', { '10-net.conflist': LIST }, { '/opt/cni/bin/bridge': '', '/kmesh/cni/kmesh-cni': '\x7fELF damaged' }],
    ["somebody else's program of our name", 'KM_CNI_PLUGIN', { '10-net.conflist': LIST }, { '/opt/cni/bin/bridge': '', '/opt/cni/bin/kmesh-cni': 'of another Kmesh' }],
  ];
  for (const [name, code, conf, others] of cases) {
    const node = new Node(conf, others);
    const before = node.files.snapshot();
    await t.rejects(node.keep(), { code }, name);
    t.same([...node.files.items].sort(), [...before].sort(), `${name}: nothing has changed`);
  }
});

t.test('a chain that becomes one of a version that ours would refuse is left by it', async (t) => {
  const node = new Node({ '10-net.conflist': LIST });
  await node.keep();
  const file = '/etc/cni/net.d/10-net.conflist';
  node.files.put(file, node.files.text(file)!.replace('1.0.0', '1.2.0'));
  await t.rejects(node.keep(), { code: 'KM_CNI_VERSION' });
  t.same(node.inForce, ['bridge', 'portmap']);
});

t.test('a chain whose program has gone and cannot come back is left by it', async (t) => {
  const node = new Node({ '10-net.conflist': LIST });
  await node.keep();
  node.files.items.delete('/opt/cni/bin/kmesh-cni');
  const readOnly = (file: string, ...rest: [Uint8Array, { as: number | string }]): Promise<boolean> => (file.startsWith('/opt') ? Promise.reject(Object.assign(new Error('EROFS'), { code: 'EROFS' })) : node.files.sys.replaceFile(file, ...rest));
  await t.rejects(node.keep(ALLOW, { replaceFile: readOnly }), { code: 'KM_CNI_WRITE' });
  t.same(node.inForce, ['bridge', 'portmap']);
});

t.test('no chain calls by our entry what is not our program, whatever else is in the way', async (t) => {
  const [file, program] = ['/etc/cni/net.d/10-net.conflist', '/opt/cni/bin/kmesh-cni'];
  const ways: Readonly<Record<string, readonly [code: string, change: (node: Node) => void, left: string]>> = {
    'another Kmesh puts its program there': ['KM_CNI_PLUGIN', ({ files }) => files.put(program, 'of another Kmesh'), LIST],
    'and its entry': ['KM_CNI_CONFIG', ({ files }) => {
      files.put(program, 'of another Kmesh');
      files.put(file, files.text(file)!.replace('\n]', ',{"type":"kmesh-cni","kubeconfig":"/k"}\n]'));
    }, LIST.replace('\n]', ',{"type":"kmesh-cni","kubeconfig":"/k"}\n]')],
    'the program goes, and a file comes that cannot be read here': ['KM_CNI_CONFIG', ({ files }) => {
      files.items.delete(program);
      files.put('/etc/cni/net.d/05-link.conflist', { link: '/var/lib/x.conflist' });
    }, LIST],
  };
  for (const [name, [code, change, left]] of Object.entries(ways)) {
    const node = new Node({ '10-net.conflist': LIST });
    await node.keep();
    change(node);
    await t.rejects(node.keep(), { code }, name);
    t.equal(node.conf['10-net.conflist'], left, name);
  }
});

t.test('order of the names is that of bytes, as Go sorts', async (t) => {
  const files = new Map([['a.conflist', LIST], ['B.conflist', LIST], ['10.conf', 'x'], ['_.conflist', LIST]]);
  t.match(choose({ files, names: [...files.keys()] }), { chosen: { name: 'B.conflist' } });
});
