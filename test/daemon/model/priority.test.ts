// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { levelLoads } from '../../../daemon/model/priority.js';
import type { LevelHealth } from '../../../daemon/model/priority.js';

const level = (healthy: number, total = 100, degraded = 0): LevelHealth => ({ healthy, degraded, total });
const healthy = (levels: LevelHealth[], overprovisioning = 140, panic = 50): number[] => levelLoads(levels, overprovisioning, panic).map((load) => load.healthy);

t.test('loads as in the tables of Envoy\'s documentation ("Priority levels")', (t) => {
  const two: [p0: number, loads: [number, number]][] = [[100, [100, 0]], [72, [100, 0]], [71, [99, 1]], [50, [70, 30]], [25, [35, 65]], [0, [0, 100]]];
  for (const [p0, loads] of two) t.same(healthy([level(p0), level(100)]), loads, `P=0 ${p0}% healthy`);
  const three: [health: [number, number, number], loads: [number, number, number]][] = [
    [[100, 100, 100], [100, 0, 0]],
    [[72, 72, 100], [100, 0, 0]],
    [[71, 71, 100], [99, 1, 0]],
    [[50, 50, 100], [70, 30, 0]],
    [[25, 100, 100], [35, 65, 0]],
    [[25, 25, 100], [35, 35, 30]],
  ];
  for (const [health, loads] of three) t.same(healthy(health.map((h) => level(h)), 140, 0), loads, health.join(' '));
  t.end();
});

t.test('degraded hosts take what healthy ones cannot', (t) => {
  const loads = levelLoads([level(50, 100, 50)], 140, 50);
  t.same(loads, [{ healthy: 70, degraded: 30, panic: false }]);
  // The example in the comment of Envoy's recalculatePerPriorityState: rounding goes to the first healthy level.
  const three = levelLoads([level(10, 100, 20), level(20, 100, 10), level(10, 100, 0)], 140, 0);
  t.same(three.map((load) => [load.healthy, load.degraded]), [[16, 28], [28, 14], [14, 0]]);
  t.same(levelLoads([level(0, 100, 0), level(0, 100, 100)], 140, 50).map((load) => load.degraded), [0, 100]);
  t.end();
});

t.test('panic', (t) => {
  const cases: { name: string; levels: LevelHealth[]; threshold: number; panic: boolean[]; loads: number[] }[] = [
    { name: 'few healthy', levels: [level(20)], threshold: 50, panic: [true], loads: [100] },
    { name: 'switched off', levels: [level(20)], threshold: 0, panic: [false], loads: [100] },
    { name: 'none healthy, switched off', levels: [level(0)], threshold: 0, panic: [false], loads: [100] },
    { name: 'another level can take it all', levels: [level(20), level(100)], threshold: 50, panic: [false, false], loads: [28, 72] },
    { name: 'one level of two', levels: [level(20), level(50)], threshold: 50, panic: [true, false], loads: [29, 71] },
    { name: 'all levels: by number of hosts', levels: [level(1, 30), level(1, 70)], threshold: 50, panic: [true, true], loads: [30, 70] },
    { name: 'no hosts at all', levels: [level(0, 0)], threshold: 50, panic: [true], loads: [100] },
  ];
  for (const { name, levels, threshold, panic, loads } of cases) {
    const result = levelLoads(levels, 140, threshold);
    t.same(result.map((load) => load.panic), panic, name);
    t.same(result.map((load) => load.healthy), loads, name);
  }
  t.end();
});

t.test('loads are 100 percent together, whatever the numbers', (t) => {
  for (let i = 0; i < 5000; i += 1) {
    const levels = Array.from({ length: 1 + (i % 4) }, (_, p) => {
      const total = (i * 7 + p * 13) % 40;
      const up = total === 0 ? 0 : (i * 3 + p) % (total + 1);
      return { total, healthy: up, degraded: Math.floor((total - up) / 2) };
    });
    const loads = levelLoads(levels, [100, 140, 200][i % 3]!, [0, 50][i % 2]!);
    const sum = loads.reduce((all, load) => all + load.healthy + load.degraded, 0);
    if (sum !== 100) t.fail(`${sum} percent`, { levels, loads });
  }
  t.pass('5,000 of them');
  t.end();
});
