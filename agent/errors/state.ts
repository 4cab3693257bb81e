// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** Of the state folder, of other agents, and of the kubeconfig. */
export const STATE = {
  KM_STATE_DIR: {
    class: 'state',
    cause: 'The state folder cannot be read or written.',
    remedy: 'Name a folder on a writable file system with free space by --state-dir.',
  },
  KM_STATE_VERSION: {
    class: 'state',
    cause: 'A record in the state folder is of a version of the agent that this one does not understand.',
    remedy: 'Use the version of the agent that wrote it, or run `node agent.js cleanup` of that version first.',
  },
  KM_STATE_OPEN: {
    class: 'state',
    cause: 'Others than the user of the agent may write to the state folder; what lies there is loaded into the kernel.',
    remedy: 'Close the folder (chown root:root, chmod 0700), or name another one by --state-dir.',
  },
  KM_AGENT_RUNNING: {
    class: 'state',
    cause: 'An agent that uses this state folder, these pins or this cgroup is running.',
    remedy: 'Stop that agent first (SIGTERM).',
  },
  KM_KUBECONFIG_MISSING: {
    class: 'cluster',
    cause: 'The kubeconfig named by --kubeconfig is not there.',
    remedy: 'Name the file that is there (in a container: mount it), or leave --kubeconfig out: a pod asks by its own account.',
  },
  KM_KUBECONFIG_FILE: {
    class: 'cluster',
    cause: 'The kubeconfig cannot be read, is none, or holds certificates or credentials that are none.',
    remedy: 'Write it anew (`kubectl config view --flatten --minify --raw`), readable for the agent, with the files that it names beside it.',
  },
  KM_KUBECONFIG_CONTEXT: {
    class: 'cluster',
    cause: 'The current context of the kubeconfig, its cluster or its user is missing.',
    remedy: 'See `kubectl config get-contexts` and choose one by `kubectl config use-context NAME`.',
  },
  KM_KUBECONFIG_UNSUPPORTED: {
    class: 'cluster',
    cause: 'The kubeconfig reaches its cluster in a way that the agent does not go: by a program or plugin for credentials, a password, a proxy, or without checking the server.',
    remedy: 'Give a kubeconfig with a token (for example of `kubectl create token`) or a client certificate, and the certificate of the authority.',
  },
} as const satisfies ErrorTable;
