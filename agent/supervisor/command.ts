// SPDX-License-Identifier: Apache-2.0
import type { AgentOptions, Manage } from '../options.js';

/** Port of the daemon's admin interface on 127.0.0.1, unless `--admin-port` says otherwise. */
const ADMIN_PORT = 15200;

/** The daemon's arguments: what the agent decided, then every word that the agent does not know itself. */
export function daemonArguments(options: AgentOptions, objects: string, cgroup: string, manage: Manage): readonly string[] {
  return [
    ...['--mode', options.mode],
    ...['--objects', objects],
    ...['--cgroup', cgroup],
    ...membershipArguments(options, manage),
    ...['--bpf-fs-path', options.bpfFsPath],
    ...['--log-level', options.logLevel],
    ...['--log-format', options.logFormat],
    ...options.daemonArgs,
  ];
}

/** Whose connections are steered, and who is asked where labels decide. */
export const membershipArguments = ({ apiServer, kubeconfig }: AgentOptions, manage: Manage): readonly string[] => [
  ...['--manage', manage],
  ...(apiServer === undefined ? [] : ['--api-server', apiServer]),
  ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
];

/** The port that the daemon will listen on with these arguments; the last one counts, as the daemon reads them. */
export function adminPort(daemonArgs: readonly string[]): number {
  const text = daemonArgs.reduce<string | undefined>((found, word, index) => {
    if (word === '--admin-port') return daemonArgs[index + 1];
    return word.startsWith('--admin-port=') ? word.slice('--admin-port='.length) : found;
  }, undefined);
  // What is no port is left for the daemon to refuse; it knows best how.
  const port = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : ADMIN_PORT;
  return port >= 1 && port <= 65535 ? port : ADMIN_PORT;
}
