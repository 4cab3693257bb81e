// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from '../context.js';
import { type ModuleFile, readModuleFile } from '../gather/moduleFile.js';
import type { GivenModule } from '../results.js';
import { MODULE_NAME } from './loaded.js';

/** Looks at the file of --module; undefined: the option is not set. */
export async function readGivenModule(ctx: Context): Promise<GivenModule | undefined> {
  const { module } = ctx.options;
  if (module === undefined) return undefined;
  const unusable = (detail: string, cause?: unknown): GivenModule => ({ unusable: failure(ctx, 'KM_MODULE_FILE', detail, { cause }) });
  let file: ModuleFile;
  try {
    file = await readModuleFile(ctx.sys, module);
  } catch (error) {
    return unusable(`${module} cannot be used: ${(error as Error).message}`, error);
  }
  const { kernelRelease } = ctx.sys;
  if (file.name !== MODULE_NAME) return unusable(`${module} is the module ${file.name}, not ${MODULE_NAME}`);
  if (file.release !== kernelRelease) return unusable(`${module} is for ${file.release}, this kernel is ${kernelRelease}`);
  return { file };
}
