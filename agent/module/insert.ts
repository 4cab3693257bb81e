// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import type { ErrorCode } from '../errors.js';
import { ExecError } from '../exec.js';
import type { ModuleFile } from '../gather/moduleFile.js';
import { kernelMessage, messagesAboutModules } from '../probe/kernelLog.js';
import { explanationsOf, type Refusal, refusalOf } from '../probe/moduleRefusal.js';
import { toolFailure } from '../tool.js';
import { runKmod } from './kmod.js';
import { expectedDifferences } from './predict.js';

const CODES: Record<Exclude<Refusal, 'exists'>, ErrorCode> = {
  format: 'KM_MODULE_FORMAT',
  signature: 'KM_MODULE_SIGNATURE',
  lockdown: 'KM_MODULE_LOCKDOWN',
  symbol: 'KM_MODULE_SYMBOL',
  denied: 'KM_MODULE_DENIED',
  memory: 'KM_MODULE_MEMORY',
  init: 'KM_MODULE_INIT',
};

/**
 * Loads a module.
 *
 * @returns false: one of its name was loaded in the same moment
 * @throws KM_MODULE_... with the words of insmod and, where it may be read, what the kernel logged
 */
export async function insertFile(ctx: Context, file: ModuleFile): Promise<boolean> {
  const differences = await expectedDifferences(ctx, file.path);
  if (differences.length > 0) ctx.log.warn(`the kernel will probably refuse ${file.path}, by the modules that are installed for it: ${differences.join('; ')}`);
  const log = ctx.sys.followKernelLog();
  try {
    await runKmod(ctx, 'insmod', [file.path]);
    return true;
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    if (error.failure.errno !== undefined) throw toolFailure(ctx, 'KM_MODULE_TOOL', 'insmod', error);
    const logged = messagesAboutModules((log?.read() ?? []).map(kernelMessage));
    const refusal = refusalOf(error.failure.tail, logged);
    if (refusal === 'exists') return false;
    const { reason, command, tail } = error.failure;
    const lines = [...tail, ...logged.map((line) => `kernel: ${line}`)];
    const told = explanationsOf(logged);
    // Where the kernel's log may not be read, what was expected is the best explanation.
    const why = (told.length > 0 || refusal !== 'format' ? told : differences).map((text) => `${text}; `).join('');
    throw failure(ctx, CODES[refusal], `the kernel did not take ${file.path}: ${why}${reason}: ${command}`, { cause: error, tail: lines });
  } finally {
    log?.close();
  }
}
