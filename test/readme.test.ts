// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { SEQUENCE } from '../agent/sequence.js';
import { SUPERVISION_OPTION_NAMES, SUPERVISION_OPTIONS, SUPERVISION_TIMES, type SupervisionOption, supervisionText } from '../agent/supervisor/times.js';
import { ROOT } from './helpers/node.js';

const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');

t.test('the table of phases is the list of phases', async (t) => {
  const table = /<!-- phases: [^>]*-->\n([\s\S]*?)<!-- \/phases -->/.exec(readme)?.[1] ?? '';
  const rows = table.split('\n').filter(Boolean).slice(2);
  t.same(rows, SEQUENCE.map(({ name, summary }) => `| \`${name}\` | ${summary} |`));
});

t.test('the options of supervision, with their defaults', async (t) => {
  const [, names = '', defaults = ''] = /^\| (`--restart-delay-min`[^|]*) \| ([^|]*) \|/m.exec(readme) ?? [];
  t.same(names.split(', '), SUPERVISION_OPTION_NAMES.map((name) => `\`--${name}\``));
  t.same(defaults.split(', '), SUPERVISION_OPTION_NAMES.map((name) => {
    const option: SupervisionOption = SUPERVISION_OPTIONS[name];
    const value = SUPERVISION_TIMES[option.field];
    return value === 0 && option.zero !== undefined ? option.zero : supervisionText(option, value);
  }));
});

t.test('what the README points to is there', async (t) => {
  for (const [, target = ''] of readme.matchAll(/\]\(([^)#]+)\)/g)) t.ok(fs.existsSync(path.join(ROOT, target)), target);
  const { scripts } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  for (const [, script = ''] of readme.matchAll(/npm (?:run )?([a-z:]+)/g)) {
    if (script !== 'packages') t.ok(script in scripts, `npm script ${script}`);
  }
});
