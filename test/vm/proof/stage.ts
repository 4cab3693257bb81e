// SPDX-License-Identifier: Apache-2.0
/** What scenarios of the proof begin with: the mesh of the requests, its endpoints' addresses, an agent that routes. */
import path from 'node:path';
import { Agent } from '../guest/agent.js';
import type { Context } from '../guest/scenario.js';
import { RequestTable } from '../requests/table.js';
import { ownEndpointRanges } from './backends.js';
import { ProofMesh } from './mesh.js';
import { REQUESTS } from './programs.js';

export interface Proof {
  readonly table: RequestTable;
  readonly mesh: ProofMesh;
  readonly agent: Agent;
}

/** For `modules` of a scenario; the proof uses the first. */
export const KMESH_MODULE = { kmesh: { folder: 'kernel', variables: { KMESH_INCLUDE: 'bpf/include' } } } as const;

/** The mesh as files, and the addresses of its endpoints on this machine. */
export async function prepareMesh(context: Context): Promise<{ readonly table: RequestTable; readonly mesh: ProofMesh }> {
  const table = new RequestTable(REQUESTS);
  const mesh = new ProofMesh(table, path.join(context.folder, 'mesh'));
  await ownEndpointRanges(context);
  return { table, mesh };
}

/** An agent that routes requests; anything less fails. */
export async function startAgent(context: Context, mesh: ProofMesh, module = context.modules['kmesh']!, args: readonly string[] = []): Promise<Agent> {
  const agent = await Agent.start(context, { xdsAddress: `file://${mesh.folder}`, args: ['--require', 'l4,l7', '--module', module, ...args] });
  await agent.ready();
  return agent;
}

export async function startProof(context: Context): Promise<Proof> {
  const prepared = await prepareMesh(context);
  return { ...prepared, agent: await startAgent(context, prepared.mesh) };
}
