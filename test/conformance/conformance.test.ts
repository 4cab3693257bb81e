// SPDX-License-Identifier: Apache-2.0
// What a control plane can ask for, case by case: enforced, or listed with the resource's name.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { DiscoveryResponse } from '../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import { parseFile } from '../../daemon/xds/parse.js';
import { check } from './case.js';
import { AREAS } from './cases/index.js';
import { addFields } from './fields.js';
import { conformancePage } from './page.js';
import { WITHOUT_EFFECT } from './withoutEffect.js';

const cases = AREAS.flatMap((area) => area.cases);

for (const { title, cases } of AREAS) {
  t.test(title, async (t) => {
    for (const one of cases) await t.test(one.feature, async (t) => check(t, one));
  });
}

t.test('docs/conformance.md is made of these cases', async (t) => {
  t.equal(readFileSync('docs/conformance.md', 'utf8'), conformancePage(), 'npm run docs:conformance');
});

t.test('the tests that cases name are there', async (t) => {
  for (const [file, name] of cases.flatMap(({ kernel, test }) => [kernel, test]).filter((one) => one !== undefined)) t.ok(readFileSync(file, 'utf8').includes(`t.test('${name}'`), `${file}: ${name}`);
});

/** Names that are made of others, or of what comes: `filter_chain_match.x`, features of filters. */
const LISTED_IN_CODE = /findings\.(?:once|add)\('([\w.]+)'|list\([^']*?, '(\w+)'|\[\/\S+\/i, '(\w+)'\]|unusable\('(\w+)'|features\.push\('(\w+)'/g;

t.test('whatever the model lists is a case', async (t) => {
  const files = readdirSync('daemon/model', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const names = new Set(files.flatMap((file) => [...readFileSync(path.join('daemon/model', file), 'utf8').matchAll(LISTED_IN_CODE)].map(([, ...found]) => found.find((name) => name !== undefined)!)));
  t.ok(names.size > 70, 'the names are found');
  const shown = new Set(cases.flatMap(({ listed = '', also = [] }) => [listed, listed.replace('filter_chain_match.', ''), ...also, ...also.map((name) => name.replace('filter_chain_match.', ''))]));
  // Refused before it comes to the model; tested in test/daemon/model.
  shown.add('filter_chain_match.prefix_ranges');
  t.same([...names].filter((name) => !shown.has(name)), []);
});

const folder = '../shared/fixtures';
const skip = existsSync(folder) ? false : `${folder} is not there`;

function fieldsOfDumps(): Set<string> {
  const fields = new Set<string>();
  const dumps = path.join(folder, 'xds');
  for (const file of readdirSync(dumps, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(json|yaml)$/.test(name))) {
    for (const list of Object.values(parseFile(file, readFileSync(path.join(dumps, file), 'utf8')).resources)) for (const any of list) addFields(any, fields);
  }
  for (const part of ['sotw', 'rich', 'dual', 'thousand']) {
    for (const file of readdirSync(path.join(folder, 'istiod', part)).filter((name) => /\.pb(\.gz)?$/.test(name))) {
      const bytes = readFileSync(path.join(folder, 'istiod', part, file));
      for (const any of DiscoveryResponse.decode(file.endsWith('.gz') ? gunzipSync(bytes) : bytes).resources) addFields(any, fields);
    }
  }
  return fields;
}

t.test('every field that is set in real configurations is a case, or is known to be without effect', { skip }, async (t) => {
  const fields = fieldsOfDumps();
  t.ok(fields.size > 300, `${fields.size} fields`);
  const known = new Set(cases.flatMap((one) => one.fields));
  const silent = WITHOUT_EFFECT.flatMap((group) => group.fields);
  const isSilent = (field: string): boolean => silent.some((one) => (/[. ]$/.test(one) ? field.startsWith(one) : field === one));
  t.same([...fields].filter((field) => !known.has(field) && !isSilent(field)).sort(), []);
});
