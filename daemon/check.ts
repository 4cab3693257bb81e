// SPDX-License-Identifier: Apache-2.0
import { DaemonError, messageOf } from './errors.js';
import { parseXdsAddress, type XdsAddress } from './xds/address.js';
import { openChannel } from './xds/channel.js';
import { createXdsSource, type XdsOptions } from './xds/index.js';
import type { XdsStatus } from './xds/source.js';

/** One answer of `--check`. Contract with the agent's command `doctor`, which takes them into its report. */
export interface Check {
  readonly name: 'control-plane-address' | 'control-plane-secrets' | 'control-plane';
  readonly status: 'ok' | 'error';
  readonly evidence: string;
  /** Empty where there is nothing to do. */
  readonly remedy: string;
}

/** A stream that was not refused counts as good after 5 s of silence (xds/grpc.ts). */
const CONNECT_MS = 8000;

/**
 * What stands between this node and its control plane: the address, the files that TLS needs and, with `connect`, what
 * the control plane says to a stream. Files of resources are always read, since that costs nothing. No text of a secret
 * is in the answers.
 */
export async function checkControlPlane(options: XdsOptions, connect: boolean): Promise<readonly Check[]> {
  if (options.address === '') return [failed('control-plane-address', new DaemonError('KM_XDS_ADDRESS', 'neither XDS_ADDRESS nor --xds-address is set'))];
  let address: XdsAddress;
  try {
    address = parseXdsAddress(options.address, options.plaintext);
  } catch (error) {
    return [failed('control-plane-address', error)];
  }
  const checks: Check[] = [ok('control-plane-address', describe(address))];
  if (address.kind === 'grpc') checks.push(checkSecrets(address, options));
  const usable = checks.every(({ status }) => status === 'ok');
  if (usable && (connect || address.kind === 'file')) checks.push(await checkSource(options, address));
  return checks;
}

const ok = (name: Check['name'], evidence: string): Check => ({ name, status: 'ok', evidence, remedy: '' });

function failed(name: Check['name'], error: unknown): Check {
  if (!(error instanceof DaemonError)) throw error;
  return { name, status: 'error', evidence: `${error.code}: ${messageOf(error)}`, remedy: error.remedy };
}

function describe(address: XdsAddress): string {
  if (address.kind === 'file') return `resources from ${address.path}`;
  const how = address.serverName === undefined ? 'without TLS' : `TLS as ${address.serverName}`;
  return `${address.host}:${address.port}, ${how}`;
}

function checkSecrets(address: Extract<XdsAddress, { kind: 'grpc' }>, options: XdsOptions): Check {
  const name = 'control-plane-secrets';
  try {
    openChannel(address, options).client.close();
    return ok(name, address.serverName === undefined ? 'none are needed without TLS' : `root certificate ${options.rootCert} and token ${options.token} are there`);
  } catch (error) {
    return failed(name, error);
  }
}

/** Resolves with the first word of the source, good or bad. */
async function checkSource(options: XdsOptions, address: XdsAddress): Promise<Check> {
  const name = 'control-plane';
  const where = describe(address);
  let heard: (check: Check) => void = () => {};
  const answer = new Promise<Check>((resolve) => (heard = resolve));
  const timer = setTimeout(() => heard(failed(name, new DaemonError('KM_XDS_UNREACHABLE', `${where}: no answer within ${CONNECT_MS / 1000} s`))), CONNECT_MS);
  const onStatus = ({ code, reason, connected }: XdsStatus): void => {
    if (code !== undefined) heard(failed(name, new DaemonError(code, reason ?? '')));
    else if (connected) heard(ok(name, `${where}: answers`));
  };
  const source = createXdsSource(options, { onResources: () => {}, onStatus });
  source.start();
  const check = await answer;
  clearTimeout(timer);
  await source.stop();
  return check;
}
