// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Capability } from '../../../agent/probe/capabilities.js';
import { formatCapabilityTable } from '../../../agent/status/capabilityTable.js';

const LONG = Array.from({ length: 60 }, (_, i) => `reason${i}`).join(' ');
const CAPABILITIES: readonly Capability[] = [
  { name: 'l4-ipv4', title: 'L4 steering, IPv4', state: 'on', reason: 'programs attached' },
  { name: 'l7-http', title: 'L7 HTTP routing', state: 'off', reason: LONG, remedy: 'apt-get install linux-headers-6.1.0-18-amd64' },
  { name: 'uid-gid-filter', title: 'uid/gid filter', state: 'off', reason: `/a/${'very-long-word'.repeat(20)}` },
];

t.test('columns are aligned, nothing is cut, nothing is too wide', (t) => {
  for (const width of [80, 120, 200]) {
    const lines = formatCapabilityTable(CAPABILITIES, width).split('\n');
    t.ok(lines.every((line) => line.length <= width && line === line.trimEnd()), `${width} columns`);
    const [state, why] = [lines[0]?.indexOf('STATE') ?? -1, lines[0]?.indexOf('WHY') ?? -1];
    for (const [i, { title, state: word }] of CAPABILITIES.entries()) {
      const line = lines.find((candidate) => candidate.startsWith(title)) ?? '';
      t.equal(line.slice(state, why).trim(), word, `row ${i}`);
    }
    t.ok(lines.slice(1).every((line) => line[why - 1] === ' ' && line[why] !== ' '), 'every line of the last column begins at its heading');
    const column = lines.map((line) => line.slice(why));
    t.match(column.join(' '), LONG);
    t.match(column.join(' '), 'to turn it on: apt-get install linux-headers-6.1.0-18-amd64');
    t.match(column.join(''), 'very-long-word'.repeat(20));
  }
  t.end();
});

t.test('an absurd width still gives every word', (t) => {
  const words = formatCapabilityTable(CAPABILITIES, 1).split(/\s+/);
  t.ok(LONG.split(' ').every((word) => words.includes(word)));
  t.end();
});
