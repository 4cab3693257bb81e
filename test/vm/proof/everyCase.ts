// SPDX-License-Identifier: Apache-2.0
/** All requests of the table, one after the other, held against what it expects. */
import type { Checks, Context } from '../guest/scenario.js';
import { expected, type RequestTable } from '../requests/table.js';
import { rawClient } from './clients.js';
import { clientRequest, complaint } from './requests.js';

/** @param when tells the checks from those of another time. */
export async function checkEveryCase(t: Checks, { cases }: RequestTable, { folder }: Pick<Context, 'folder'>, when = ''): Promise<void> {
  const outcomes = new Map((await rawClient(cases.map(clientRequest), folder)).map((outcome) => [outcome.name, outcome]));
  for (const one of cases) {
    const problem = complaint(one, outcomes.get(one.name));
    t.ok(problem === undefined, `${when === '' ? '' : `${when}, `}${one.name}: ${expected(one).join(' or ')}`, problem);
  }
}
