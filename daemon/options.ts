// SPDX-License-Identifier: Apache-2.0
import yargs, { type Options as YargsOptions } from 'yargs';
import type { Manage, MapSizes } from './maps/dataplane.js';
import { XDS_PROTOCOLS, type XdsProtocol } from './xds/variant.js';

export interface DaemonOptions {
  readonly mode: 'ads';
  readonly objects: string;
  readonly cgroup: string;
  /** Whose connections are steered: of the pods that labels take into the mesh, or of every process. */
  readonly manage: Manage;
  /** URL of the Kubernetes API; undefined: as the kubeconfig or the environment of the pod says. */
  readonly apiServer: string | undefined;
  /** undefined: the account of the pod. */
  readonly kubeconfig: string | undefined;
  readonly bpfFsPath: string;
  readonly logLevel: string;
  readonly logFormat: 'json' | 'pretty';
  readonly adminPort: number;
  readonly xdsAddress: string;
  readonly xdsPlaintext: boolean;
  readonly xdsProtocol: XdsProtocol;
  readonly xdsRootCert: string;
  readonly xdsToken: string;
  readonly sizes: MapSizes;
  /** Only remove the pins below `bpfFsPath`, and where labels decide the annotations of the node's pods, then end. */
  readonly cleanup: boolean;
  /** Only check the way to the control plane, print the answers, then end. */
  readonly check: 'files' | 'connect' | undefined;
}

/** Thrown for arguments that cannot be used; `message` names the argument. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const size = (describe: string, value: number): YargsOptions => ({ type: 'number', default: value, describe });

const table = {
  mode: { choices: ['ads', 'kernel-native'] as const, default: 'ads', describe: 'Data plane mode' },
  objects: { type: 'string', default: '', describe: 'Folder of the compiled eBPF objects' },
  cgroup: { type: 'string', default: '/mnt/kmesh_cgroup2', describe: 'cgroup2 folder the programs are attached to' },
  manage: { choices: ['all', 'labelled'] as const, default: 'all', describe: 'Whose connections are steered: every process of the cgroup, or the pods of this node that labels take into the mesh' },
  'api-server': { type: 'string', describe: 'URL of the Kubernetes API, for --manage labelled; by default that of KUBERNETES_SERVICE_HOST, or of the kubeconfig' },
  kubeconfig: { type: 'string', describe: "Kubeconfig to ask it by; by default the pod's own account" },
  'bpf-fs-path': { type: 'string', default: '/sys/fs/bpf', describe: 'bpffs; pins go below bpf_kmesh/ there' },
  'log-level': { choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const, default: 'info', describe: 'Least severe level that is logged' },
  'log-format': { choices: ['json', 'pretty'] as const, default: process.stdout.isTTY === true ? 'pretty' : 'json', describe: 'One JSON object a line, or lines for people' },
  'admin-port': { type: 'number', default: 15200, describe: 'Port of the admin interface on 127.0.0.1' },
  'xds-address': { type: 'string', default: '', describe: 'Control plane: host:port, namespace:service or file:///path; without it the environment variable XDS_ADDRESS counts' },
  'xds-plaintext': { type: 'boolean', default: false, describe: 'Talk to the control plane without TLS (as port 15010 always does)' },
  'xds-protocol': { choices: XDS_PROTOCOLS, default: 'sotw', describe: 'Variant of aggregated discovery (ADS): state of the world, or incremental, which sends changes alone' },
  'xds-root-cert': { type: 'string', default: '/var/run/secrets/istio/root-cert.pem', describe: 'Root certificate of the control plane' },
  'xds-token': { type: 'string', default: '/var/run/secrets/tokens/istio-token', describe: 'File with the bearer token for the control plane' },
  'max-listeners': size('Exact service addresses (map km_listener)', 65536),
  'max-prefixes': size('Wildcard and range listeners (map km_prefix)', 16384),
  'max-clusters': size('Clusters (map km_cluster)', 65536),
  'max-endpoints': size('Endpoints of all clusters and families (map km_slot)', 1048576),
  'max-splits': size('Arms of all weighted clusters (map km_split)', 65536),
  'max-route-tables': size('Route tables (map km_routes)', 4096),
  'max-virtual-hosts': size('Virtual hosts of all route tables (map km_vhost)', 65536),
  'max-domains': size('Host names of all virtual hosts, and as many with a wildcard (maps km_domain, km_wild)', 262144),
  'max-route-steps': size('Steps of the routes of all virtual hosts (map km_step)', 1048576),
  'max-pods': size('Pods in the mesh (map km_pod)', 4096),
  'max-automata': size('Regular expressions of all routes that are no simple comparisons (map km_automaton)', 4096),
  check: { choices: ['files', 'connect'] as const, describe: 'Print as JSON whether the address, root certificate and token of the control plane can be used, and with connect what it answers; then end' },
  cleanup: { type: 'boolean', default: false, describe: 'Remove pinned links and maps, and with --manage labelled the annotations of the pods of this node; then end' },
} satisfies Record<string, YargsOptions>;

const MAX_ENTRIES = 1 << 24;
/** Of 8 KB each: kernels before 5.11 take no map that could get larger than 4 GB. */
const MAX_AUTOMATA = 1 << 18;

function positive(name: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new UsageError(`--${name} takes a whole number from 1 to ${most}`);
  }
  return value;
}

/**
 * @throws UsageError for an unknown option or a value that is out of range.
 */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): DaemonOptions {
  const given = yargs([...argv])
    .scriptName('kmesh-daemon')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'camel-case-expansion': false, 'boolean-negation': false })
    .options(table)
    .strict()
    .version(false)
    .demandCommand(0, 0)
    .fail((message, error) => {
      throw new UsageError(message ?? error.message);
    })
    .parseSync();
  const runs = !given.cleanup && given.check === undefined;
  if (runs && given.objects === '') throw new UsageError('--objects names the folder of the compiled eBPF objects and is needed');
  const xdsAddress = given['xds-address'] || env['XDS_ADDRESS'] || '';
  if (runs && xdsAddress === '') throw new UsageError('no control plane: set XDS_ADDRESS (or --xds-address) to host:port, namespace:service or file:///path');
  return {
    mode: 'ads',
    objects: given.objects,
    cgroup: given.cgroup,
    manage: given.manage === 'labelled' ? 'labelled' : 'all',
    apiServer: given['api-server'] || undefined,
    kubeconfig: given.kubeconfig || undefined,
    bpfFsPath: given['bpf-fs-path'],
    logLevel: given['log-level'],
    logFormat: given['log-format'] === 'pretty' ? 'pretty' : 'json',
    adminPort: positive('admin-port', given['admin-port'], 65535),
    xdsAddress,
    xdsPlaintext: given['xds-plaintext'],
    xdsProtocol: given['xds-protocol'] === 'delta' ? 'delta' : 'sotw',
    xdsRootCert: given['xds-root-cert'],
    xdsToken: given['xds-token'],
    sizes: {
      listeners: positive('max-listeners', Number(given['max-listeners']), MAX_ENTRIES),
      prefixes: positive('max-prefixes', Number(given['max-prefixes']), MAX_ENTRIES),
      clusters: positive('max-clusters', Number(given['max-clusters']), MAX_ENTRIES),
      endpoints: positive('max-endpoints', Number(given['max-endpoints']), MAX_ENTRIES),
      splits: positive('max-splits', Number(given['max-splits']), MAX_ENTRIES),
      routeTables: positive('max-route-tables', Number(given['max-route-tables']), MAX_ENTRIES),
      virtualHosts: positive('max-virtual-hosts', Number(given['max-virtual-hosts']), MAX_ENTRIES),
      domains: positive('max-domains', Number(given['max-domains']), MAX_ENTRIES),
      routeSteps: positive('max-route-steps', Number(given['max-route-steps']), MAX_ENTRIES),
      pods: positive('max-pods', Number(given['max-pods']), MAX_ENTRIES),
      automata: positive('max-automata', Number(given['max-automata']), MAX_AUTOMATA),
    },
    cleanup: given.cleanup,
    check: given.check,
  };
}
