// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { sweep } from '../../../daemon/membership/sweep.js';

const cookies = (...numbers: number[]): Set<bigint> => new Set(numbers.map(BigInt));
const NOBODY = cookies();

t.test('what nobody owns goes at the second sweep', async (t) => {
  const first = sweep({ set: cookies(1, 2), owned: cookies(1), before: NOBODY, certain: true, alive: NOBODY });
  t.same(first, { remove: [], orphans: cookies(2) }, 'a pod that just starts may be known a moment later');
  const second = sweep({ set: cookies(1, 2), owned: cookies(1), before: first.orphans, certain: true, alive: cookies(2) });
  t.same(second, { remove: [2n], orphans: NOBODY }, 'also one that lives: it belongs to no pod in the mesh');
});

t.test('what is owned in between begins anew', async (t) => {
  const between = sweep({ set: cookies(2), owned: cookies(2), before: cookies(2), certain: true, alive: NOBODY });
  t.same(between, { remove: [], orphans: NOBODY });
});

t.test('while it is not certain which pods are in the mesh only namespaces go that are gone', async (t) => {
  const found = sweep({ set: cookies(1, 2, 3), owned: cookies(3), before: cookies(1, 2), certain: false, alive: cookies(1) });
  t.same(found, { remove: [2n], orphans: cookies(1) });
});
