// SPDX-License-Identifier: Apache-2.0
// The images as containers on a node whose kernel takes modules: the compat image compiles programs and module there, the prebuilt one runs at once on its
// kernel and says on another what to use instead.
import fs from 'node:fs';
import type { Checks, Context } from '../guest/scenario.js';
import { startBackends } from '../guest/agent.js';
import { Container, readGuestImages } from '../guest/container.js';
import type { ImageName } from '../guest/plan.js';
import { isInserted, traces } from '../guest/traces.js';

export const name = 'image';
/** Under emulation the compilers take minutes. */
export const limitSeconds = 1800;
export const images: readonly ImageName[] = ['compat', 'prebuilt'];

const UNFIT_BUNDLE = 12;

export async function run(t: Checks, context: Context): Promise<void> {
  const stopBackends = await startBackends(context);
  const prebuilt = readGuestImages().prebuiltRelease;
  if (context.release === prebuilt) await bringsUp(t, context, 'prebuilt', /the bundle \/usr\/lib\/kmesh\/bundles\/kmesh\.tar is for this kernel and is used/);
  else await endsPolitely(t, context, prebuilt);
  await bringsUp(t, context, 'compat', /phase compile-bpf [^\n]*: done[^]*phase compile-module [^\n]*: done/);
  stopBackends();
}

async function bringsUp(t: Checks, context: Context, image: ImageName, how: RegExp): Promise<void> {
  // A build of the image before would be taken.
  fs.rmSync('/var/lib/kmesh', { recursive: true, force: true });
  const before = traces();
  const began = Date.now();
  const container = await Container.start(context, image);
  await container.ready();
  t.note(`${image}: ready ${((Date.now() - began) / 1000).toFixed(1)} s after its start`);
  t.match(container.log(), how, `${image}: the build is as it should be`);
  t.ok(isInserted(), `${image}: kmesh.ko is in the kernel`, container.log());
  t.match(await ask(context, 'http://10.96.0.10/'), /^v1-[ab]$|^v2$/, `${image}: connections are steered`);
  t.equal(await ask(context, 'http://10.96.0.11:8080/canary', 'Host: web.sample'), 'v2', `${image}: requests are routed by their path`);
  const { code, seconds } = await container.stop(context);
  t.equal(code, 0, `${image}: ends with 0`);
  t.ok(seconds < readGuestImages().graceSeconds, `${image}: inside its grace period (${seconds.toFixed(1)} s)`);
  await container.remove(context);
  t.equal(traces(), before, `${image}: leaves nothing`);
}

async function endsPolitely(t: Checks, context: Context, prebuilt: string): Promise<void> {
  const before = traces();
  const container = await Container.start(context, 'prebuilt');
  t.equal(await container.ended(), UNFIT_BUNDLE, 'prebuilt: ends with the code of its own');
  t.ok(container.log().includes(prebuilt) && container.log().includes(context.release), 'prebuilt: names both kernels', container.log());
  t.match(container.log(), /KM_BUNDLE_UNFIT[^]*Use the compat image/, 'prebuilt: says what to use instead');
  await container.remove(context);
  t.equal(traces(), before, 'prebuilt: leaves nothing');
}

/** Who answers. */
async function ask({ sh }: Context, url: string, header = 'Accept: */*'): Promise<string> {
  return (await sh('curl', '-sS', '--noproxy', '*', '--max-time', '20', '-H', header, url)).trim();
}
