// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { KmeshError } from '../errors.js';
import type { ModuleFile } from '../gather/moduleFile.js';
import { readRequestAbi } from '../gather/requestAbi.js';
import { logError } from '../report.js';
import { setAccepting } from './drain.js';
import { insertFile } from './insert.js';
import { type LoadedModule, loadedModule, MODULE_NAME } from './loaded.js';
import { removeModule } from './remove.js';

/** How kmesh.ko came to be in the kernel. */
export interface Settled {
  readonly loaded: LoadedModule;
  /** `resumed`: it was there and did not accept sockets. */
  readonly change: 'inserted' | 'replaced' | 'resumed' | 'kept';
  /** For people: `the same as before`. */
  readonly how: string;
}

/**
 * Has the wanted build of kmesh.ko in the kernel, accepting sockets; another build that cannot be removed now is used
 * if it speaks to the eBPF programs of this build.
 *
 * @param wanted undefined: none could be built; what is loaded has to do
 * @param begun told what is about to be done to the module, before it can fail half way
 * @throws KM_MODULE_...
 */
export async function putInPlace(ctx: Context, wanted: ModuleFile | undefined, begun: (change: Settled['change']) => void): Promise<Settled> {
  const before = await loadedModule(ctx.sys);
  if (before !== undefined) refuseUnfit(ctx, before);
  begun(before === undefined ? 'inserted' : 'resumed');
  if (before === undefined && wanted !== undefined) return insert(ctx, wanted, 'inserted', begun);
  if (before !== undefined && (wanted === undefined || isSameBuild(before, wanted))) {
    const how = wanted === undefined ? 'of an earlier run; none could be built now' : 'loaded already';
    return accept(ctx, before.accepting ? 'kept' : 'resumed', how);
  }
  if (before === undefined || wanted === undefined) throw new Error('there is neither a module in the kernel nor a file of one');
  return replace(ctx, before, wanted, begun);
}

/** A build that was linked without an id is never taken for another one. */
const isSameBuild = (loaded: LoadedModule, file: ModuleFile): boolean => file.buildId !== undefined && loaded.buildId === file.buildId;

/** @throws KM_MODULE_IN_USE, KM_MODULE_FOREIGN when what is loaded under our name can neither be used nor be replaced */
export function refuseUnfit(ctx: Context, { abi, state }: LoadedModule): void {
  if (state !== 'Live') throw failure(ctx, 'KM_MODULE_IN_USE', `the module ${MODULE_NAME} is in the state ${state} and stays in it`);
  if (abi === undefined) throw failure(ctx, 'KM_MODULE_FOREIGN', `the loaded module ${MODULE_NAME} has no parameter abi`);
}

async function insert(ctx: Context, wanted: ModuleFile, change: Settled['change'], begun: (change: Settled['change']) => void): Promise<Settled> {
  if (await insertFile(ctx, wanted)) return accept(ctx, change, change);
  // Somebody loaded one of this name in the same moment: it is not this run's to remove.
  begun('kept');
  const there = await loadedModule(ctx.sys);
  if (there !== undefined && isSameBuild(there, wanted)) return accept(ctx, 'kept', 'loaded already');
  throw failure(ctx, 'KM_MODULE_IN_USE', `another build of ${MODULE_NAME} was loaded in the same moment`);
}

async function replace(ctx: Context, before: LoadedModule, wanted: ModuleFile, begun: (change: Settled['change']) => void): Promise<Settled> {
  ctx.log.info(`another build of kmesh.ko is loaded (${before.buildId ?? 'without a build id'}); it is replaced`);
  try {
    await removeModule(ctx);
  } catch (error) {
    if (!(error instanceof KmeshError) || before.abi !== (await readRequestAbi(ctx.sys, ctx.root))) throw error;
    logError(ctx.log, ctx.options.logFormat, error, 'warn');
    // Its link to the tracepoint was given up: after a failed start it must not hold back requests either.
    return accept(ctx, 'resumed', 'another build, which cannot be replaced now');
  }
  return insert(ctx, wanted, 'replaced', begun);
}

/** Whether a loaded module shows requests as the eBPF programs of this build read them; KM_MODULE_ABI where it does not. */
export async function abiProblem(ctx: Context, loaded: LoadedModule | undefined): Promise<KmeshError | undefined> {
  const expected = await readRequestAbi(ctx.sys, ctx.root);
  if (loaded?.abi !== undefined && loaded.abi === expected) return undefined;
  return failure(ctx, 'KM_MODULE_ABI', `the loaded ${MODULE_NAME} shows requests in version ${loaded?.abi ?? 'none'}, the eBPF programs read version ${expected ?? 'none'}`);
}

async function accept(ctx: Context, change: Settled['change'], how: string): Promise<Settled> {
  const loaded = await loadedModule(ctx.sys);
  const problem = await abiProblem(ctx, loaded);
  const speaks = problem === undefined;
  const told = loaded !== undefined && (await setAccepting(ctx, speaks));
  if (!told) throw failure(ctx, 'KM_MODULE_REMOVE', `${MODULE_NAME} was removed while it was put to use`);
  if (problem !== undefined) throw problem;
  return { loaded, change, how };
}
