// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { createModelBuilder } from '../../../../daemon/model/build.js';
import { newBudget } from '../../../../daemon/model/routing/regex/budget.js';
import { compileRegex } from '../../../../daemon/model/routing/regex/compile.js';
import { at, http, listener, prefixRoute, resources, routeTable, virtualHost } from '../protos.js';

/** Costs as much as an expression may, and is refused then. */
const costly = (n: number): string => `/${n}(?:[ab]?[bc]?[cd]?){60}`;
const budget = newBudget();
const whole = budget.left;
compileRegex(costly(0), true, budget);
/** So many have time in one push. */
const fit = Math.ceil(whole / (whole - budget.left));
const toCluster = (regex: string) => prefixRoute('/', 'c', { match: { pathSpecifier: { $case: 'safeRegex', value: { regex } } } });
const asking = listener({ name: 'l', address: at('10.96.0.1', 80), filterChains: [{ filters: [http({ routeSpecifier: { $case: 'rds', value: { routeConfigName: 'r' } } })] }] });

t.test('expressions that take too long together are listed by name; those before them, and later turns, have theirs', async (t) => {
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

t.test('the same resources, read again, have the rest of their expressions, and then cost nothing', async (t) => {
  const regexes = [...Array.from({ length: fit * 2 }, (_, i) => costly(i + 10_000)), '/behind/[^/]+'];
  const build = createModelBuilder();
  const mesh = resources({
    listeners: [asking],
    routes: [routeTable('r', [virtualHost(['*'], regexes.map(toCluster))]), routeTable('other', [virtualHost(['*'], [toCluster('/other/[^/]+')])])],
  });
  const lefts: number[] = [];
  let model = build(mesh);
  for (; model.expressionsLeft > 0; model = build(mesh)) lefts.push(model.expressionsLeft);
  t.ok(lefts.length >= 2, `left after each turn: ${lefts.join(', ')}`);
  t.same(lefts, [...lefts].sort((a, b) => b - a), 'fewer each time');
  t.equal(new Set(lefts).size, lefts.length);
  t.equal(model.notEnforced.filter(({ reason }) => reason.includes('of this push')).length, 0);
  t.equal(build(mesh).routeTables, build(mesh).routeTables, 'nothing is read again when nothing is left');
});
