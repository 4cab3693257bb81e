// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import path from 'node:path';
import * as z from 'zod';
import { type Context, failure } from './context.js';
import { KmeshError } from './errors.js';
import { isErrno } from './sys.js';

const MAX_BYTES = 1 << 20;

/** Of the form of every record. What is in one may grow: readers leave out what they do not know. */
const VERSION = 1;

const envelope = z.object({ version: z.int(), sha256: z.string(), value: z.unknown() });

/** A value as it lies in the state folder: with what tells damage and other versions. */
export function sealed(value: unknown): string {
  return `${JSON.stringify({ version: VERSION, sha256: digestOf(value), value }, undefined, 2)}\n`;
}

const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/**
 * Reads a JSON file of the state folder. undefined: it is not there, or it is not what it should be; the
 * latter (damage of any kind) is told in the log and not believed, since what it lists would be removed.
 *
 * @throws KM_STATE_VERSION when another version of the agent wrote it: what it knows must not be overwritten; KM_STATE_DIR
 */
export async function readState<T>(ctx: Context, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const file = path.join(ctx.options.stateDir, name);
  try {
    const { version, sha256, value } = envelope.parse(JSON.parse(await ctx.sys.readText(file, MAX_BYTES)));
    if (version !== VERSION) throw failure(ctx, 'KM_STATE_VERSION', `${file} is of version ${version}, this agent knows version ${VERSION}`);
    if (digestOf(value) !== sha256) throw new Error('its digest is another one: it is damaged');
    return schema.parse(value);
  } catch (error) {
    if (error instanceof KmeshError) throw error;
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (isRefusal(error)) throw failure(ctx, 'KM_STATE_DIR', `${file} cannot be read`, { cause: error });
    ctx.log.warn({ err: error }, `${file} is not as the agent wrote it; it is ignored`);
    return undefined;
  }
}

/** What the system says when it cannot read a file now (a failing disk, no file descriptor left); not what it says of one that is too large, or none. */
const isRefusal = (error: unknown): boolean => /^E[A-Z0-9]+$/.test((error as NodeJS.ErrnoException).code ?? '') && !isErrno(error, 'EFBIG', 'EISDIR', 'ELOOP');

/**
 * Sees to a state folder that only its owner may write: what lies there is loaded into the kernel.
 *
 * @throws KM_STATE_DIR, KM_STATE_OPEN
 */
export async function makeStateFolder(ctx: Context): Promise<void> {
  const { stateDir } = ctx.options;
  try {
    await ctx.sys.makeFolders(stateDir);
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `${stateDir} cannot be made: ${(error as Error).message}`, { cause: error });
  }
  await refuseOpenFolder(ctx);
}

/** @throws KM_STATE_OPEN */
export async function refuseOpenFolder(ctx: Context): Promise<void> {
  const { stateDir } = ctx.options;
  const { mode = 0o700, owner } = (await ctx.sys.stat(stateDir)) ?? {};
  const foreign = owner !== undefined && owner !== 0 && owner !== ctx.sys.effectiveUid;
  if ((mode & 0o022) !== 0) throw failure(ctx, 'KM_STATE_OPEN', `${stateDir} can be written by others (mode ${mode.toString(8)})`);
  if (foreign) throw failure(ctx, 'KM_STATE_OPEN', `${stateDir} belongs to user id ${owner}`);
}

export async function writeState(ctx: Context, name: string, value: unknown): Promise<void> {
  const { stateDir } = ctx.options;
  try {
    await ctx.sys.makeFolders(stateDir);
    await ctx.sys.writeFileAtomically(path.join(stateDir, name), sealed(value));
  } catch (error) {
    throw failure(ctx, 'KM_STATE_DIR', `${path.join(stateDir, name)} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

export async function removeState(ctx: Context, name: string): Promise<void> {
  await ctx.sys.removeTree(path.join(ctx.options.stateDir, name));
}
