// SPDX-License-Identifier: Apache-2.0
import { capabilitiesOf } from '../capabilityReport.js';
import { asKmeshError, KmeshError } from '../errors.js';
import { loadedModule } from '../module/loaded.js';
import { abiProblem } from '../module/settle.js';
import type { Capability } from '../probe/capabilities.js';
import { type Fact, no, unknown, yes } from '../probe/fact.js';
import { askAdminPort } from '../supervisor/preconditions.js';
import { take, toldOf } from '../supervisor/readiness.js';
import { MissingResult } from '../context.js';
import { couldNotLook } from './blind.js';
import { type Check, type Finding, type Group, type Question, warning } from './check.js';
import { buildChecks } from './checks/build.js';
import { cniChecks } from './checks/cni.js';
import { kernelChecks } from './checks/kernel.js';
import { moduleChecks } from './checks/module.js';
import { runningChecks } from './checks/running.js';
import type { Examination } from './examination.js';

/** docs/doctor.md lists them; a test holds the two equal. */
export const GROUPS: readonly Group[] = [kernelChecks, buildChecks, moduleChecks, runningChecks, cniChecks];

/** What `doctor --json` prints. */
export interface Report {
  readonly checks: readonly Check[];
  readonly capabilities: readonly Capability[];
}

interface Answered extends Check {
  readonly question: Question | undefined;
  readonly error?: KmeshError | undefined;
}

/** Answers every question, whatever became of the others. */
export async function diagnose(examination: Examination): Promise<Report> {
  const answered: Answered[] = [];
  for (const question of GROUPS.flatMap(({ questions }) => questions)) answered.push(...(await answer(examination, question)));
  answered.push(...unexplained(examination, answered));
  const checks = answered.map(({ name, status, evidence, remedy }) => ({ name, status, evidence, remedy }));
  return { checks, capabilities: await capabilities(examination, answered) };
}

async function answer(examination: Examination, question: Question): Promise<readonly Answered[]> {
  const found = await look(examination, question).catch((thrown: unknown) => fromError(examination, question, thrown));
  return 'status' in found ? [{ name: question.name, question, ...found }] : found.map((check) => ({ question, ...check }));
}

async function look(examination: Examination, question: Question): Promise<Finding | readonly Check[]> {
  const met = [...examination.stopped.values()].find(({ code }) => question.codes?.includes(code));
  if (met !== undefined) throw met;
  return question.look(examination);
}

function fromError({ ctx }: Examination, { l7 }: Question, thrown: unknown): Finding {
  const blind = couldNotLook(thrown);
  if (blind !== undefined) return blind;
  if (thrown instanceof MissingResult) return warning('could not look: an earlier check failed', 'See the errors of the other checks.');
  const error = asKmeshError(thrown);
  const wanted = ctx.options.require.includes('l7-http');
  return { status: l7 === true && !wanted ? 'warning' : 'error', evidence: error.message, remedy: error.remedy, error };
}

/** What a plan stopped at and no question has shown: nothing that a start would meet is left out. */
function unexplained({ ctx, stopped, ...rest }: Examination, answered: readonly Answered[]): readonly Answered[] {
  const shown = (error: KmeshError): boolean => answered.some(({ evidence }) => evidence.startsWith(`${error.code}:`) || evidence === couldNotLook(error)?.evidence);
  return [...stopped].filter(([, error]) => !shown(error)).map(([phase, error]) => {
    const question = { name: `phase ${phase}`, look: () => Promise.reject(error) };
    return { name: question.name, question, ...fromError({ ctx, stopped, ...rest }, question, error) };
  });
}

/** The same table as after a start, from what can be seen without one. */
async function capabilities(examination: Examination, answered: readonly Answered[]): Promise<readonly Capability[]> {
  const { ctx } = examination;
  if (ctx.results.kernel === undefined) return [];
  const errors = answered.filter(({ status }) => status === 'error');
  const l7 = answered.find(({ question, error }) => question?.l7 === true && error !== undefined)?.error;
  if (l7 !== undefined) ctx.results.forgone = new Map([['l7-http', l7]]);
  const ready = await askAdminPort(ctx).catch(() => undefined);
  const module = await moduleFact(examination).catch(() => undefined);
  if (module !== undefined) ctx.results.moduleState = module;
  if (ready?.status === 200) take(ctx.results, toldOf(ready.body));
  const first = errors.find(({ question }) => question?.l7 !== true);
  return capabilitiesOf(ctx, l4Programs(ready?.status === 200, first));
}

function l4Programs(ready: boolean, first: Answered | undefined): Fact {
  if (ready) return yes('the programs are in force');
  if (first === undefined) return unknown('not compiled by this command');
  return no(`a start would fail: ${first.evidence.split(':')[0]} (${first.name})`);
}

async function moduleFact({ ctx }: Examination): Promise<Fact | undefined> {
  const loaded = await loadedModule(ctx.sys);
  if (loaded === undefined || loaded.state !== 'Live' || (await abiProblem(ctx, loaded)) !== undefined) return undefined;
  return yes(`kmesh.ko is in the kernel (build ${loaded.buildId?.slice(0, 12) ?? 'not known'})`);
}
