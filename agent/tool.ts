// SPDX-License-Identifier: Apache-2.0
import { type Context, failure } from './context.js';
import type { ErrorCode, KmeshError } from './errors.js';
import { ExecError, type ExecResult } from './exec.js';

/** For tools that answer at once, such as mount or `clang --version`. */
export const QUICK_MS = 30_000;

/** Runs a tool for a phase: its output goes to the log at debug level, and it ends when the agent is told to stop. */
export function runTool(ctx: Context, file: string, args: readonly string[], timeoutMs: number = QUICK_MS): Promise<ExecResult> {
  return ctx.exec(file, args, { timeoutMs, signal: ctx.stop, onLine: logLines(ctx, file) });
}

/** Runs a tool for an undo, which is not cut short by the signal that caused it. */
export function runUndoTool(ctx: Context, file: string, args: readonly string[], timeoutMs: number = QUICK_MS): Promise<ExecResult> {
  return ctx.exec(file, args, { timeoutMs, onLine: logLines(ctx, file) });
}

const logLines = (ctx: Context, tool: string) => (line: string): void => ctx.log.debug({ tool }, line);

/**
 * What a tool prints for `--version`.
 * @throws the coded error of its absence
 */
export async function toolVersion(ctx: Context, tool: string, missing: ErrorCode): Promise<string> {
  const version = await runTool(ctx, tool, ['--version']).catch((error: unknown) => {
    throw toolFailure(ctx, missing, `${tool} does not tell its version`, error);
  });
  return version.stdout;
}

/** A coded error for a tool that failed: what was tried, how the tool ended, its last lines. */
export function toolFailure(ctx: Context, code: ErrorCode, what: string, error: unknown): KmeshError {
  if (!(error instanceof ExecError)) return failure(ctx, code, `${what}: ${(error as Error).message}`, { cause: error });
  const { reason, command, tail } = error.failure;
  return failure(ctx, code, `${what}: ${reason}: ${command}`, { cause: error, tail });
}
