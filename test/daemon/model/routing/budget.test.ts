// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createModelBuilder } from '../../../../daemon/model/build.js';
import { newBudget } from '../../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../../daemon/model/routing/regex/compile.js';
import { at, http, listener, prefixRoute, resources, routeTable, virtualHost } from '../protos.js';

/** Costs as much as an expression may, and is refused then. */
const costly = (n: number): string => `/${n}(?:[ab]?[bc]?[cd]?){60}`;
const toCluster = (regex: string) => prefixRoute('/', 'c', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex } } } });
const asking = listener({ name: 'l', address: at('10.96.0.1', 80), filterChains: [{ filters: [http({ routeSpecifier: { $case: 'rds', value: { routeConfigName: 'r' } } })] }] });

t.test('expressions that take too long together are listed by name; those before them, and later pushes, have their turn', async (t) => {
  const budget = newBudget();
  const whole = budget.left;
  compileRegex(costly(0), true, budget);
  const fit = Math.ceil(whole / (whole - budget.left));
  t.ok(fit > 20 && fit < 900, `${fit} of them fit`);
  const regexes = ['/first/[^/]+', ...Array.from({ length: fit + 5 }, (_, i) => costly(i + 1)), '/last/[^/]+'];
  const build = createModelBuilder();
  const push = (...more: string[]) => build(resources({ listeners: [asking], routes: [routeTable('r', [virtualHost(['*'], [...regexes, ...more].map(toCluster))])] })).notEnforced.filter(({ feature }) => feature === 'regex');
  const over = push().filter(({ reason }) => reason.includes('the expressions of this push take too long together'));
  t.ok(over.length > 5 && over.length < 9, `${over.length} are left when it is spent`);
  const behind = regexes.map((_, i) => i).slice(-over.length);
  t.same(over.map(({ path }) => path), behind.map((i) => `virtualHosts[*].routes[${i}].match.safeRegex`), 'all that stand behind, whatever they cost');
  t.match(over.at(-1), { resource: 'r', reason: '/last/[^/]+' });
  t.notOk(push('/more').some(({ reason }) => reason.includes('of this push')), 'what was met before costs nothing');
  t.equal(push('/more').length, fit + 5, 'each of the costly ones is refused for itself');
});
