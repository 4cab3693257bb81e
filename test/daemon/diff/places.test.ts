// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { assignPlaces } from '../../../daemon/diff/places.js';

const cases: { name: string; before: (string | undefined)[]; after: string[]; places: string[] }[] = [
  { name: 'nothing before', before: [], after: ['a', 'b'], places: ['a', 'b'] },
  { name: 'another order is no change', before: ['a', 'b', 'c'], after: ['c', 'a', 'b'], places: ['a', 'b', 'c'] },
  { name: 'the last takes the place of a removed one', before: ['a', 'b', 'c', 'd'], after: ['a', 'c', 'd'], places: ['a', 'd', 'c'] },
  { name: 'a new one takes the place of a removed one', before: ['a', 'b', 'c'], after: ['a', 'n', 'c'], places: ['a', 'n', 'c'] },
  { name: 'a new one is added at the end', before: ['a', 'b'], after: ['n', 'a', 'b'], places: ['a', 'b', 'n'] },
  { name: 'all go', before: ['a', 'b'], after: [], places: [] },
  { name: 'a hole is filled', before: ['a', undefined, 'c'], after: ['a', 'c'], places: ['a', 'c'] },
  { name: 'a double is not kept twice', before: ['a', 'a', 'b'], after: ['a', 'b'], places: ['a', 'b'] },
];

for (const { name, before, after, places } of cases) {
  t.test(name, (t) => {
    t.same(assignPlaces(before, after), places);
    t.end();
  });
}
