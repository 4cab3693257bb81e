// SPDX-License-Identifier: Apache-2.0
// What a container runtime takes for a configuration, and our entry in and out of a chain with every other byte left alone.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { asConflist, hasForeignEntry, readCniConfig, settingsIn, VERSIONS, withoutPlugin, withPlugin } from '../../../agent/probe/cniConfig.js';
import { projectRoot } from '../../helpers/agentContext.js';

const ALLOW = { cniFailure: 'allow' } as const;
const DENY = { cniFailure: 'deny' } as const;

const CONFLISTS: Readonly<Record<string, string>> = {
  compact: '{"cniVersion":"0.3.1","name":"a","plugins":[{"type":"bridge"}]}',
  'as flannel writes it': '{\n  "name": "cbr0",\n  "cniVersion": "0.3.1",\n  "plugins": [\n    {\n      "type": "flannel",\n      "delegate": {\n        "hairpinMode": true,\n        "isDefaultGateway": true\n      }\n    },\n    {\n      "type": "portmap",\n      "capabilities": {\n        "portMappings": true\n      }\n    }\n  ]\n}\n',
  'tabs, no last line': '{\n\t"cniVersion": "1.0.0",\n\t"plugins" : [ {"type":"ptp", "ipam":{"ranges":[[{"subnet":"10.0.0.0/8"}]]}} ,\n\t\t{ "type" : "portmap" } ],\n\t"name": "b", "x": ["plugins", {"plugins": []}]\n}',
  'brackets in strings, bytes that are no UTF-8': '{"name":"]}[{\\"","plugins":[{"type":"a","x":"\xff\xfe]}"},{"type":"b\\\\"}],"cniVersion":"1.0.0"}\r\n',
  'escaped name of the member': '{"name":"n","cniVersion":"1.0.0","\\u0070lugins":[{"type":"bridge"}]}',
};

t.test('in and out again: byte for byte', async (t) => {
  for (const [name, text] of Object.entries(CONFLISTS)) {
    const extended = withPlugin(text, ALLOW) ?? '';
    t.equal(withoutPlugin(extended), text, name);
    t.equal(withoutPlugin(text), text, `${name}: without ours nothing changes`);
    const before = readCniConfig(text, true);
    t.same(readCniConfig(extended, true), { ...before, types: [...(before?.types ?? []), 'kmesh-cni'] }, name);
    t.equal(withPlugin(extended, ALLOW), extended, `${name}: once is enough`);
    const changed = withPlugin(extended, DENY) ?? '';
    t.same([settingsIn(text), settingsIn(extended), settingsIn(changed)], [undefined, ALLOW, DENY], name);
    t.equal(withoutPlugin(changed), text, `${name}: set otherwise and out`);
  }
});

t.test('where others changed the chain since, what they made of it stays', async (t) => {
  const ours = '{"type":"kmesh-cni","cniFailure":"allow"}';
  const cases: readonly (readonly [string, string, string])[] = [
    ['another plugin behind ours', `{"name":"n","plugins":[{"type":"a"},${ours}, {"type":"z"}]}`, '{"name":"n","plugins":[{"type":"a"}, {"type":"z"}]}'],
    ['written anew with other blanks', `{"plugins":[\n {"type": "a"},\n {\n  "type": "kmesh-cni",\n  "cniFailure": "allow"\n }\n]}`, '{"plugins":[\n {"type": "a"}\n]}'],
    ['members in another order', `{"plugins":[{"type":"a"},{"cniFailure":"deny","type":"kmesh-cni"}]}`, '{"plugins":[{"type":"a"}]}'],
    ['twice', `{"plugins":[${ours},{"type":"a"},${ours}]}`, '{"plugins":[{"type":"a"}]}'],
    ['ours alone is left', `{"plugins":[ ${ours} ]}`, '{"plugins":[  ]}'],
    ['another installation of Kmesh', '{"plugins":[{"type":"a"},{"type":"kmesh-cni","kubeconfig":"/x","mode":"dual-engine"}]}', '{"plugins":[{"type":"a"},{"type":"kmesh-cni","kubeconfig":"/x","mode":"dual-engine"}]}'],
  ];
  for (const [name, text, without] of cases) t.equal(withoutPlugin(text), without, name);
  t.same(cases.map(([, text]) => hasForeignEntry(text)), [false, false, false, false, false, true]);
  // The first of a chain would hand on no result.
  t.same(readCniConfig(withPlugin(`{"name":"n","plugins":[${ours},{"type":"a"}]}`, ALLOW) ?? '', true)?.types, ['a', 'kmesh-cni']);
  t.same(readCniConfig(withPlugin(`{"name":"n","plugins":[{"type":"a"},${ours},{"type":"z"}]}`, ALLOW) ?? '', true)?.types, ['a', 'kmesh-cni', 'z'], 'a place that others chose is kept');
  t.equal(withPlugin('{"name":"n","plugins":[{"type":"a"}],"plugins":[{"type":"b"}]}', ALLOW), undefined);
});

t.test('the rules of libcni', async (t) => {
  const cases: readonly (readonly [string, boolean, string, readonly string[] | undefined])[] = [
    ['a chain', true, '{"name":"n","cniVersion":"1.0.0","plugins":[{"type":"a"},{"type":"b"}]}', ['a', 'b']],
    ['no version', true, '{"name":"n","plugins":[{"type":"a"}]}', ['a']],
    ['a member twice: the last counts', true, '{"name":"x","name":"n","plugins":[{"type":"a"}]}', ['a']],
    ['a version that is a number', true, '{"name":"n","cniVersion":1,"plugins":[{"type":"a"}]}', undefined],
    ['no name', true, '{"plugins":[{"type":"a"}]}', undefined],
    ['no plugins', true, '{"name":"n"}', undefined],
    ['an empty chain', true, '{"name":"n","plugins":[]}', undefined],
    ['plugins that are none', true, '{"name":"n","plugins":{"type":"a"}}', undefined],
    ['a plugin without a type', true, '{"name":"n","plugins":[{"type":"a"},{}]}', undefined],
    ['a plugin that is no object', true, '{"name":"n","plugins":["a"]}', undefined],
    ['a single one', false, '{"name":"n","type":"bridge"}', ['bridge']],
    ['a chain in a .conf', false, '{"name":"n","plugins":[{"type":"a"}]}', undefined],
    ['a single one in a .conflist', true, '{"name":"n","type":"bridge"}', undefined],
    ['empty', true, '', undefined],
    ['zeros after a power loss', true, '\0'.repeat(100), undefined],
    ['cut short', true, '{"name":"n","plugins":[{"type":"a"}', undefined],
    ['a byte order mark', true, '\xef\xbb\xbf{"name":"n","plugins":[{"type":"a"}]}', undefined],
    ['a comment', true, '{"name":"n",/* */"plugins":[{"type":"a"}]}', undefined],
    ['an array', true, '[{"name":"n","plugins":[{"type":"a"}]}]', undefined],
    ['null', true, 'null', undefined],
  ];
  for (const [name, isList, text, types] of cases) t.same(readCniConfig(text, isList)?.types, types, name);
  t.same(readCniConfig('{"name":"n","cniVersion":"1.0.0","cniVersions":["1.1.0","2.0.0"],"plugins":[{"type":"a"}]}', true)?.versions, ['1.0.0', '1.1.0', '2.0.0']);
});

t.test('a chain of a single configuration holds its text as it is', async (t) => {
  const conf = '{\n  "cniVersion": "0.3.1",\n  "name": "caf\xc3\xa9 \\u20ac",\n  "type": "bridge"\n}\n';
  const chain = asConflist(conf);
  t.ok(chain.includes(conf.trim()));
  t.same(readCniConfig(chain, true), { ...readCniConfig(conf, false), types: ['bridge'] });
  t.equal(withoutPlugin(withPlugin(chain, ALLOW) ?? ''), chain);
});

t.test('the agent and the plugin know the same versions', async (t) => {
  const [, list = ''] = /netconf_versions\[\] = \{ (.*), NULL \}/.exec(readFileSync(path.join(projectRoot, 'cni/netconf.c'), 'utf8')) ?? [];
  t.same(JSON.parse(`[${list}]`), VERSIONS);
});
