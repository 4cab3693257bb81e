// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { type Context, failure, need } from '../context.js';
import { type SigningPair, signatureHash, signingPair } from '../probe/signing.js';
import type { Signing } from '../results.js';
import { runTool, toolFailure } from '../tool.js';
import { checkTreeTool } from './headerTools.js';

/** A private key of RSA with 16,384 bits has 13 KiB; a certificate less. */
const MAX_BYTES = 64 << 10;

/** Looks at the files of --module-signing-key and --module-signing-cert; undefined: the options are not set. */
export async function readSigning(ctx: Context): Promise<Signing | undefined> {
  const { moduleSigningKey: key, moduleSigningCert: certificate } = ctx.options;
  if (key === undefined || certificate === undefined) return undefined;
  try {
    const pair: SigningPair = signingPair(await ctx.sys.readBytes(key, MAX_BYTES), await ctx.sys.readBytes(certificate, MAX_BYTES));
    return { key, certificate, ...pair };
  } catch (error) {
    return { unusable: failure(ctx, 'KM_MODULE_SIGNING_KEY', `${key} and ${certificate} cannot be used: ${(error as Error).message}`, { cause: error }) };
  }
}

/**
 * Signs a module in its place with the header tree's own program, in the format of its kernel.
 *
 * @throws KM_MODULE_SIGNING_KEY, KM_HEADERS_TOOLS, KM_MODULE_SIGN
 */
export async function signModule(ctx: Context, signing: Signing, file: string): Promise<void> {
  if ('unusable' in signing) throw signing.unusable;
  const { folder = '', config } = need(ctx, 'kernelFiles').headerTree;
  const tool = path.join(folder, 'scripts/sign-file');
  await checkTreeTool(ctx, tool);
  try {
    await runTool(ctx, tool, [signatureHash(config), signing.key, signing.certificate, file]);
  } catch (error) {
    if (ctx.stop.aborted) throw error;
    throw toolFailure(ctx, 'KM_MODULE_SIGN', 'kmesh.ko could not be signed', error);
  }
  ctx.log.info(`kmesh.ko is signed by ${signing.subject}`);
}
