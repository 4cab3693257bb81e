// SPDX-License-Identifier: Apache-2.0
import pino from 'pino';
import t from 'tap';
import { Steering } from '../../daemon/steering.js';
import type { L7State } from '../../daemon/maps/dataplane.js';
import { frontend, model } from './diff/models.js';

const ON: L7State = { state: 'on', reason: 'shown' };
const off = (reason: string): L7State => ({ state: 'off', reason });

/** A data plane whose module comes and goes as it is told, and what was logged: `warn text`. */
function stage(first: L7State): { steering: Steering; becomes: (l7: L7State) => void; lines: string[] } {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(`${JSON.parse(line).level === 40 ? 'warn' : 'info'} ${JSON.parse(line).msg}`) });
  let l7 = first;
  const steering = new Steering({ attach: () => [], followModule: () => l7, get l7() { return l7; } }, log);
  return { steering, lines, becomes: (next) => void ((l7 = next), steering.followModule()) };
}

const pass = { kind: 'pass', reason: 'passthrough' } as const;
const routed = model([frontend('10.0.0.1', pass, 'l', 80, 't'), frontend('10.0.0.2', pass, 'l', 80, 't'), frontend('10.0.0.3', pass)], []);
const plain = model([frontend('10.0.0.3', pass)], []);
const warnings = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith('warn'));

t.test('routes that are not in force are told once for each reason', async (t) => {
  const { steering, becomes, lines } = stage(off('no module'));
  becomes(off('no module'));
  t.same(lines, [], 'nothing before the programs are in force');
  steering.attach();
  steering.configured(plain);
  t.same(warnings(lines), [], 'nothing while no address has routes');
  steering.configured(routed);
  steering.configured(routed);
  becomes(off('no module'));
  t.same(warnings(lines), ['warn requests are not routed (no module): connections to 2 addresses that have routes take their default decision']);
  becomes(ON);
  t.equal(lines.at(-1), 'info routing by requests is on: shown');
  becomes(off('no module'));
  becomes(off('another contract'));
  t.match(warnings(lines).slice(1), [/\(no module\)/, /\(another contract\)/], 'again after it was on, and for another reason');
});

t.test('attaching twice attaches once', async (t) => {
  let times = 0;
  const steering = new Steering({ attach: () => ((times += 1), []), followModule: () => ON, l7: ON }, pino({ level: 'silent' }));
  steering.attach();
  steering.attach();
  t.equal(times, 1);
  t.ok(steering.attached);
});
