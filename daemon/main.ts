// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { SERVICE_ACCOUNT } from '../common/apiAccess.js';
import { DAEMON_ERRORS, DaemonError, messageOf } from './errors.js';
import { explain as explainCommand } from './explain/command.js';
import { takeOwnGid } from './identity.js';
import { KubeClient } from './kube/client.js';
import { createLogger, type Logger } from './log.js';
import { DataplaneError } from './maps/errors.js';
import { removePins } from './maps/pins.js';
import { REDIRECTION } from './membership/podFacts.js';
import { parseOptions, UsageError, type DaemonOptions } from './options.js';
import { releaseAnnotations } from './pods/annotate.js';
import { checkControlPlane } from './check.js';
import { runDaemon, xdsOptions } from './run.js';

/** Exit codes; the agent passes them on when it ends because of the daemon. docs/errors.md explains them. */
const EXIT = { ok: 0, internal: 1, usage: 2, dataplane: 3, controlPlane: 4, admin: 5 } as const;

/** For annotations; of the minute that a pod has for its end. */
const RELEASE_MS = 5000;

/** Pins of all generations of maps and links. */
const pinRoot = (options: DaemonOptions): string => path.join(options.bpfFsPath, 'bpf_kmesh');

function exitCodeOf(error: unknown): number {
  if (error instanceof DataplaneError) return EXIT.dataplane;
  if (error instanceof DaemonError) return error.code === 'KM_ADMIN_PORT' || error.code === 'KM_DAEMON_AWAY' ? EXIT.admin : EXIT.controlPlane;
  return EXIT.internal;
}

function explain(log: Logger, error: unknown): void {
  if (error instanceof DataplaneError || error instanceof DaemonError) {
    log.fatal({ code: error.code, remedy: error.remedy }, `${error.code}: ${error.message}; remedy: ${error.remedy}`);
    if (error.cause !== undefined) log.debug({ err: error.cause }, 'the cause of the error above');
  } else {
    log.fatal({ code: 'KM_DAEMON_INTERNAL', err: error, remedy: DAEMON_ERRORS.KM_DAEMON_INTERNAL.remedy }, `KM_DAEMON_INTERNAL: ${messageOf(error)}`);
  }
}

/** Pins of others below our folder are left alone and named; then not all is gone, and that is said too. */
async function cleanup(options: DaemonOptions, log: Logger): Promise<number> {
  const { removed, left } = removePins(pinRoot(options));
  log.debug({ removed }, 'removed pins');
  // Nobody is steered any more.
  if (options.manage === 'labelled') await release(options, log);
  if (left.length === 0) return EXIT.ok;
  log.error(`not ours, left alone: ${left.join(', ')}`);
  return EXIT.dataplane;
}

/** A node that cannot tell the API server leaves the mesh all the same. */
async function release({ apiServer, kubeconfig }: DaemonOptions, log: Logger): Promise<void> {
  const nodeName = process.env['NODE_NAME'] ?? '';
  if (nodeName === '') return;
  const client = new KubeClient({ server: apiServer, kubeconfig, account: SERVICE_ACCOUNT, env: process.env });
  const { removed, failure } = await releaseAnnotations(client, nodeName, RELEASE_MS);
  client.close();
  log.info(`took the annotation ${REDIRECTION} from ${removed} pods`);
  if (failure !== undefined) log.warn({ code: failure.code }, `pods may keep the annotation ${REDIRECTION}: ${failure.code}: ${failure.message}`);
}

/** `node daemon.js explain ...`: prints an answer; errors go to standard error, in one line. */
async function answer(argv: readonly string[]): Promise<number> {
  try {
    process.stdout.write(await explainCommand(argv));
    return EXIT.ok;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`kmesh-daemon explain: KM_DAEMON_USAGE: ${error.message}\n`);
      return EXIT.usage;
    }
    if (!(error instanceof DataplaneError) && !(error instanceof DaemonError)) throw error;
    process.stderr.write(`kmesh-daemon explain: ${error.code}: ${error.message}; remedy: ${error.remedy}\n`);
    return exitCodeOf(error);
  }
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'explain') return answer(argv.slice(1));
  let options: DaemonOptions;
  try {
    options = parseOptions(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`kmesh-daemon: KM_DAEMON_USAGE: ${error.message}\n`);
    return EXIT.usage;
  }
  const log = createLogger(options.logLevel, options.logFormat);
  // An exception that nobody caught leaves the process in a state that nobody thought of: say so and end; the
  // pinned programs go on, and the agent starts a new daemon.
  process.on('uncaughtException', (error) => {
    explain(log, error);
    process.exit(exitCodeOf(error));
  });
  // The agent passes signals on. Node would open its debugger by this one, on a node where every process shares loopback.
  process.on('SIGUSR1', () => log.info('SIGUSR1 came; it means nothing here'));
  try {
    if (options.cleanup) return await cleanup(options, log);
    if (options.check !== undefined) {
      process.stdout.write(`${JSON.stringify({ checks: await checkControlPlane(xdsOptions(options), options.check === 'connect') })}\n`);
      return EXIT.ok;
    }
    takeOwnGid();
    await runDaemon(options, pinRoot(options), log);
    return EXIT.ok;
  } catch (error) {
    explain(log, error);
    return exitCodeOf(error);
  }
}

process.exit(await main(process.argv.slice(2)));
