// SPDX-License-Identifier: Apache-2.0
import { failure, need } from '../../context.js';
import { checkCompiler } from '../../module/compilerFit.js';
import { checkHeaderTools } from '../../module/headerTools.js';
import { loadedModule, MODULE_NAME } from '../../module/loaded.js';
import { requireKmod } from '../../module/kmod.js';
import { abiProblem, refuseUnfit } from '../../module/settle.js';
import type { Fact } from '../../probe/fact.js';
import { buildObstacles, kernelObstacles, loadObstacles, type Obstacle } from '../../probe/l7.js';
import { MODULE_RULE_FILES } from '../../probe/moduleRules.js';
import { factOrBlind } from '../blind.js';
import { type Finding, type Group, ok, type Question } from '../check.js';
import { type Examination, situation } from '../examination.js';

const { modulesDisabled, sigEnforce, lockdown, kprobesEnabled } = MODULE_RULE_FILES;

/**
 * A question that one fact answers: what a start would say of it, in its own words.
 * @param files what the fact was read from
 */
function byFact(name: string, fact: (examination: Examination) => Promise<Fact> | Fact, files: readonly string[] = []): Question {
  return {
    name,
    l7: true,
    look: async (examination) => {
      const found = await fact(examination);
      const obstacle = found.answer === 'no' ? (await obstacles(examination)).find(({ reason }) => reason.includes(found.evidence)) : undefined;
      return obstacle === undefined ? factOrBlind(found, examination.denied, files) : missed(examination, obstacle.reason, obstacle.remedy ?? '');
    },
  };
}

/** Something that keeps HTTP routing off: an error only where --require asks for it. */
function missed({ ctx }: Examination, evidence: string, remedy: string): Finding {
  return { status: ctx.options.require.includes('l7-http') ? 'error' : 'warning', evidence, remedy };
}

async function obstacles(examination: Examination): Promise<readonly Obstacle[]> {
  const facts = need(examination.ctx, 'kernel');
  const found = await situation(examination);
  const building = found.moduleGiven ? [] : buildObstacles(facts, found);
  return [...kernelObstacles(facts), ...loadObstacles(facts, found), ...building];
}

const kernel = ({ ctx }: Examination) => need(ctx, 'kernel');

/** What compile-module and insert-module build on. */
export const moduleChecks: Group = {
  title: 'kernel module kmesh.ko (HTTP routing)',
  questions: [
    byFact('modules in the kernel', (examination) => kernel(examination).moduleSupport),
    byFact('module loading', (examination) => kernel(examination).moduleLoading, [modulesDisabled]),
    byFact('unsigned modules', (examination) => kernel(examination).unsignedModules, [sigEnforce, lockdown]),
    byFact('right to load modules', async (examination) => (await situation(examination)).mayLoadModules),
    byFact('kprobes', (examination) => kernel(examination).kprobes, [kprobesEnabled]),
    byFact('reading kernel memory', (examination) => kernel(examination).kernelReads, [lockdown]),
    byFact('module sources', async (examination) => (await situation(examination)).moduleSources),
    { name: 'kernel headers', l7: true, look: lookAtHeaders },
    { name: 'programs of the headers', l7: true, codes: ['KM_HEADERS_TOOLS'], look: lookAtHeaderTools },
    { name: 'module compiler', l7: true, codes: ['KM_MODULE_COMPILER', 'KM_MODULE_COMPILER_MISMATCH'], look: lookAtCompiler },
    { name: 'insmod, rmmod', l7: true, look: lookAtTools },
    { name: '--module', l7: true, look: lookAtGivenModule },
    { name: '--module-signing-key', l7: true, codes: ['KM_MODULE_SIGNING_KEY'], look: lookAtSigning },
    { name: 'module kmesh', l7: true, look: lookAtLoaded },
  ],
};

async function lookAtHeaders(examination: Examination): Promise<Finding> {
  const { ctx } = examination;
  const { fact, problem } = need(ctx, 'kernelFiles').headerTree;
  const inTheWay = (await obstacles(examination)).some(({ reason }) => reason.includes(fact.evidence));
  if (!inTheWay || problem === undefined) return factOrBlind(fact, examination.denied, []);
  const { message, remedy } = failure(ctx, problem.code, problem.detail);
  return missed(examination, message, remedy);
}

/** Only where they would be run: a node without headers, or with a given module, needs none. */
async function lookAtHeaderTools(examination: Examination): Promise<Finding> {
  const { ctx } = examination;
  const { headerTree } = need(ctx, 'kernelFiles');
  const { moduleGiven } = await situation(examination);
  if (headerTree.folder === undefined || moduleGiven || need(ctx, 'kernel').moduleSupport.answer === 'no') return ok('not run: kmesh.ko is not compiled here');
  await checkHeaderTools(ctx, headerTree);
  return ok(`fixdep, modpost and their like run: ${headerTree.folder}`);
}

async function lookAtCompiler({ ctx }: Examination): Promise<Finding> {
  const { toolchain } = ctx.results;
  const { headerTree } = need(ctx, 'kernelFiles');
  const { compiler, folder } = headerTree;
  if (toolchain !== undefined) await checkCompiler(ctx, headerTree, toolchain);
  if (toolchain !== undefined) return ok(`${toolchain.program}: ${toolchain.version}; the kernel was built by ${compiler?.version ?? 'a compiler that its headers do not name'}`);
  return ok(folder === undefined ? 'not looked for: there are no kernel headers' : 'not looked for: no module can be compiled here');
}

async function lookAtTools({ ctx }: Examination): Promise<Finding> {
  if (need(ctx, 'kernel').moduleSupport.answer === 'no') return ok('not looked for: the kernel cannot load modules');
  for (const tool of ['insmod', 'rmmod'] as const) await requireKmod(ctx, tool);
  return ok('both are there');
}

async function lookAtGivenModule({ ctx }: Examination): Promise<Finding> {
  const given = ctx.results.givenModule;
  if (given === undefined) return ok('not set: kmesh.ko is compiled here');
  if ('unusable' in given) throw given.unusable;
  return ok(`${given.file.path}, for ${given.file.release}${given.file.signed ? ', signed' : ''}`);
}

async function lookAtSigning({ ctx }: Examination): Promise<Finding> {
  const { signing } = ctx.results;
  if (signing === undefined) return ok('not set: kmesh.ko is not signed here');
  if ('unusable' in signing) throw signing.unusable;
  return ok(`${signing.key}, of ${signing.subject}`);
}

async function lookAtLoaded({ ctx }: Examination): Promise<Finding> {
  const loaded = await loadedModule(ctx.sys);
  if (loaded === undefined) return ok('not loaded');
  refuseUnfit(ctx, loaded);
  const problem = await abiProblem(ctx, loaded);
  if (problem !== undefined) throw problem;
  return ok(`${MODULE_NAME} is loaded (build ${loaded.buildId?.slice(0, 12) ?? 'not known'}), ours, ${loaded.accepting ? 'accepting connections' : 'not accepting connections'}`);
}
