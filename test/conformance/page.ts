// SPDX-License-Identifier: Apache-2.0
import { AREAS } from './cases/index.js';
import { reasonOf, type Area, type Case } from './case.js';
import { WITHOUT_EFFECT } from './withoutEffect.js';

const HEAD = `# What is enforced, and what is not

Made from the tests (\`npm run docs:conformance\`): each line is a case of \`test/conformance\`, under the name that the line begins with. A case gives
the daemon resources which set the fields that are named, writes what it makes of them to an image of the maps, and holds connections to where they have to end. What
is not enforced is listed with the resource's name in \`/config_dump\`, once in the log, and counted in the metrics; a case fails when it is not, or when something else
is. The last column names a further test: those in \`test/bpf\` run the eBPF programs in the kernel.

Fields are those of Envoy's API v3 without \`envoy.config.\` or \`envoy.extensions.\`. What \`regex\` and its like do instead is in
[routing.md](routing.md).
`;

const TAIL = `
## Without effect on where connections go

These are set in real configurations, change nothing of what this node does, and are not listed for each resource. A test holds that every field that is set in the
dumps of the test data stands on this page or within a message that does.

| fields | why |
|---|---|
`;

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function row(one: Case): string {
  const source = [...one.fields.map(code), ...(one.value === undefined ? [] : [cell(one.value)])].join(' ');
  const done = one.listed === undefined ? 'yes' : `no: ${code(one.listed)}, ${cell(reasonOf(one) ?? '')}`;
  const test = one.kernel ?? one.test;
  const shown = test === undefined ? '' : `${code(test[0])}: ${cell(test[1])}`;
  return `| ${cell(one.feature)} | ${source} | ${done} | ${shown} |\n`;
}

const section = ({ title, cases }: Area): string => `\n## ${title}\n\n| feature | source | enforced | tested in |\n|---|---|---|---|\n${cases.map(row).join('')}`;

/** docs/conformance.md. */
export function conformancePage(): string {
  const rows = WITHOUT_EFFECT.map(({ why, fields }) => `| ${fields.map((field) => code(field.endsWith('.') || field.endsWith(' ') ? `${field.trim()}*` : field)).join(' ')} | ${why} |\n`);
  return `${HEAD}${AREAS.map(section).join('')}${TAIL}${rows.join('')}`;
}
