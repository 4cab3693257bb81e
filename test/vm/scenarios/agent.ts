// SPDX-License-Identifier: Apache-2.0
// The agent as PID 1: builds what the kernel allows, inserts the module, starts the daemon; connections are steered; then it is
// stopped and nothing of it is left.
import { Agent, startBackends } from '../guest/agent.js';
import type { Checks, Context } from '../guest/scenario.js';
import { isInserted, traces } from '../guest/traces.js';

export const name = 'agent';
/** Under emulation the compilers take minutes. */
export const limitSeconds = 1200;
export const modules = { kmesh: { folder: 'kernel', variables: { KMESH_INCLUDE: 'bpf/include' } } };

/** Where the module is compiled in the guest too: it takes a minute under emulation, and the newest kernel wants a newer compiler. */
const COMPILES_MODULE = ['6.1'];

const PHASES = ['detect-kernel', 'read-helpers', 'set-macros', 'compile-bpf', 'compile-module', 'insert-module', 'mount-filesystems', 'supervise-daemon'];
const CONNECTIONS = 30;

export async function run(t: Checks, context: Context): Promise<void> {
  const before = traces();
  const stopBackends = await startBackends(context);
  t.equal(await answers(context, 1), ['nobody'], 'before, nobody answers at a service address');

  const compiles = COMPILES_MODULE.includes(context.kernel);
  const agent = await Agent.start(context, { args: compiles ? [] : ['--module', context.modules['kmesh']!] });
  await agent.ready();
  for (const phase of PHASES) t.ok(agent.log.some(({ msg }) => new RegExp(`^phase ${phase} .*: done, `).test(msg)), `phase ${phase} is done`, agent.messages());
  t.equal(agent.log.some(({ msg }) => msg.includes('nothing to compile')), !compiles, compiles ? 'the module was compiled on the node' : 'the module came from outside');
  t.ok(isInserted(), 'the module is in the kernel');
  t.equal(agent.capability('l7-http').state, 'on', `L7 is on: ${agent.capability('l7-http').reason}`);
  t.note((agent.log.find(({ msg }) => /^\d+ phases in /.test(msg)) ?? { msg: 'no summary of phases' }).msg);

  const got = await answers(context, CONNECTIONS);
  t.equal([...new Set(got)].sort(), ['v1-a', 'v1-b', 'v2'], `${CONNECTIONS} connections reach all endpoints and nobody else`);

  const canary = await context.sh('bash', '-c', `for i in $(seq ${CONNECTIONS}); do curl -sS --noproxy '*' --max-time 20 -H 'Host: web.sample' http://10.96.0.11:8080/canary; done`);
  t.equal([...new Set(canary.trim().split('\n'))], ['v2'], `${CONNECTIONS} requests reach the endpoint of their route`);

  const logged = agent.log.length;
  const code = await agent.stop();
  t.ok(code === 0, 'it ends with 0 at SIGTERM', `${code}, after\n${agent.messages(logged)}`);
  t.equal(await answers(context, 1), ['nobody'], 'after, nobody answers at a service address');
  stopBackends();
  t.equal(traces(), before, 'and nothing is left');
}

/** Who answers at a service address of the samples. */
async function answers({ sh }: Context, times: number): Promise<string[]> {
  const script = `for i in $(seq ${times}); do curl -s --noproxy '*' --max-time 20 http://10.96.0.10/ || echo nobody; done`;
  return (await sh('bash', '-c', script)).trim().split('\n');
}
