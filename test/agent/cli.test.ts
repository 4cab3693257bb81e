// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { type CommandLine, parseCommandLine, type Vocabulary } from '../../agent/cli.js';
import { KmeshError } from '../../agent/errors.js';
import type { AgentOptions } from '../../agent/options.js';
import { CAPABILITY_NAMES } from '../../agent/requirements.js';
import { SEQUENCE } from '../../agent/sequence.js';
import { SUPERVISION_TIMES } from '../../agent/supervisor/times.js';

const vocabulary: Vocabulary = { phases: SEQUENCE, capabilities: CAPABILITY_NAMES, terminal: false };

const parse = (...argv: string[]): Promise<CommandLine> => parseCommandLine(argv, vocabulary);

async function options(...argv: string[]): Promise<AgentOptions> {
  const line = await parse(...argv);
  if (line.command !== 'run' && line.command !== 'plan' && line.command !== 'cleanup') throw new Error(`${line.command} has no such options`);
  return line.options;
}

t.test('without arguments the node is brought up at the places of the contract', async (t) => {
  t.match(await parse(), { command: 'run', hints: [] });
  t.same(await options(), {
    mode: 'ads',
    stateDir: '/var/lib/kmesh',
    cgroup2Path: '/mnt/kmesh_cgroup2',
    attachCgroup: undefined,
    bpfFsPath: '/sys/fs/bpf',
    statusAddress: undefined,
    statusPort: 15021,
    metricsPort: 15020,
    logLevel: 'info',
    logFormat: 'json',
    until: undefined,
    onStop: 'auto',
    installCni: 'auto',
    cniFailure: 'allow',
    cniConfDir: undefined,
    cniBinDir: undefined,
    restart: 'on-failure',
    supervision: SUPERVISION_TIMES,
    require: [],
    bpfHeader: undefined,
    module: undefined,
    daemonArgs: [],
  });
});

const understood: readonly (readonly [string, string[], Partial<AgentOptions>])[] = [
  ['the mode of the contract', ['--mode=ads'], { mode: 'ads' }],
  ['its alias', ['--mode', 'kernel-native'], { mode: 'ads' }],
  ['one dash, as the old scripts wrote it', ['-mode=ads'], { mode: 'ads' }],
  ['one dash and a blank', ['-log-level', 'debug'], { logLevel: 'debug' }],
  ['options of the daemon, both spellings, in order', ['--xds-plaintext', '--max-clusters', '100', '--admin-port=15201'], { daemonArgs: ['--xds-plaintext', '--max-clusters', '100', '--admin-port=15201'] }],
  ['one dash for an option of the daemon', ['-max-clusters=100'], { daemonArgs: ['--max-clusters=100'] }],
  ['own options between those of the daemon', ['--max-clusters', '100', '--state-dir', '/x', '--xds-plaintext'], { stateDir: '/x', daemonArgs: ['--max-clusters', '100', '--xds-plaintext'] }],
  ['the last of two', ['--log-level=warn', '--log-level=error'], { logLevel: 'error' }],
  ['a part of capability names', ['--require', 'l4'], { require: ['l4-ipv4', 'l4-ipv6'] }],
  ['whose connections are steered', ['--manage', 'labelled'], { manage: 'labelled' }],
  ['a list of capabilities', ['--require=l7, pod-management'], { require: ['l7-http', 'pod-management'] }],
  ['a phase', ['--until', 'compile-bpf'], { until: 'compile-bpf' }],
  ['a relative path', ['--state-dir', 'state'], { stateDir: `${process.cwd()}/state` }],
  ['ports and an address', ['--status-port=0', '--metrics-port', '9090', '--status-address', '::1'], { statusPort: 0, metricsPort: 9090, statusAddress: '::1' }],
  ['the times of supervision', ['--restart-delay-min', '500ms', '--restart-delay-max=2m', '--healthy-time', '1h', '--crash-loop=3', '--restart-limit', '0', '--hang-limit=0', '--ready-limit', '90s', '--stop-grace', '0s'], { supervision: { minDelayMs: 500, maxDelayMs: 120_000, healthyMs: 3_600_000, crashLoop: 3, restartLimit: 0, hangMs: 0, readyMs: 90_000, graceMs: 0 } }],
  ['its defaults', [], { supervision: SUPERVISION_TIMES }],
  ['a negative number for the daemon', ['--some-number', '-5'], { daemonArgs: ['--some-number', '-5'] }],
];

t.test('understood', async (t) => {
  for (const [name, argv, expected] of understood) t.match(await options(...argv), expected, name);
});

const refused: readonly (readonly [string, string[], string, RegExp])[] = [
  ['a port that is none', ['--status-port', '65536'], 'KM_USAGE', /--status-port is a port number, not "65536"/],
  ['an address that is none', ['--status-address', 'localhost'], 'KM_USAGE', /--status-address is an IP address, not "localhost"/],
  ['a time without unit', ['--hang-limit', '30'], 'KM_USAGE', /--hang-limit is a time such as 500ms, 30s or 5m from 1s to 1h, or 0: never, not "30"/],
  ['a time that is too short', ['--restart-delay-min=1ms'], 'KM_USAGE', /--restart-delay-min is a time .* from 10ms to 1h, not "1ms"/],
  ['a time that is too long', ['--stop-grace', '11m'], 'KM_USAGE', /from 0ms to 10m/],
  ['a time of 0 where it means nothing', ['--healthy-time=0'], 'KM_USAGE', /from 1s to 24h, not "0"/],
  ['a count that is none', ['--crash-loop', '5s'], 'KM_USAGE', /--crash-loop is a number from 1 to 1000, not "5s"/],
  ['a shortest wait above the longest', ['--restart-delay-min', '5s', '--restart-delay-max', '1s'], 'KM_USAGE', /--restart-delay-min 5s is longer than --restart-delay-max 1s/],
  ['a command that is none', ['rnu'], 'KM_USAGE', /unknown command "rnu", did you mean "run"\?/],
  ['a mode that is not built', ['--mode=workload'], 'KM_MODE_NOT_BUILT', /workload/],
  ['its alias', ['-mode=dual-engine'], 'KM_MODE_NOT_BUILT', /dual-engine/],
  ['a mode that is none', ['--mode=asd'], 'KM_USAGE', /not "asd", did you mean "ads"\?/],
  ['a log level that is none', ['--log-level', 'debgu'], 'KM_USAGE', /--log-level is one of .* not "debgu", did you mean "debug"\?/],
  ['a log format that is none', ['--log-format', 'xml'], 'KM_USAGE', /json, pretty, not "xml"/],
  ['a phase that is none', ['--until', 'compile'], 'KM_USAGE', /--until is one of detect-kernel/],
  ['requirements of which the last would replace the others', ['--require=l7', '--require', 'l4'], 'KM_USAGE', /--require is there twice; .*commas/],
  ['a cgroup without a name', ['--attach-cgroup='], 'KM_USAGE', /--attach-cgroup needs a path/],
  ['a capability that is none', ['--require', 'l8'], 'KM_USAGE', /no capability "l8"/],
  ['a missing value', ['--state-dir'], 'KM_USAGE', /state-dir/],
  ['a missing value before an option', ['--state-dir', '--mode=ads'], 'KM_USAGE', /state-dir/],
  ['an empty path', ['--state-dir='], 'KM_USAGE', /--state-dir needs a path/],
  ['a word that belongs to nothing', ['--mode=ads', 'stray'], 'KM_USAGE', /unexpected word "stray"/],
  ['a command after the options', ['--mode=ads', 'plan'], 'KM_USAGE', /unexpected word "plan"; a command comes before/],
  ['an unknown option of cleanup', ['cleanup', '--state-dri', '/x'], 'KM_USAGE', /unknown option "--state-dri", did you mean "--state-dir"\?/],
  ['an unknown option of inspect', ['inspect', '--bpf-heder=x'], 'KM_USAGE', /did you mean "--bpf-header"\?/],
];

t.test('refused with a code and a hint', async (t) => {
  for (const [name, argv, code, message] of refused) {
    const error = await parse(...argv).then(() => undefined, (thrown: unknown) => thrown);
    t.ok(error instanceof KmeshError, name);
    t.match(error, { code, exitCode: 2, message }, name);
  }
});

t.test('an option for the daemon that looks misspelt is passed on and hinted at', async (t) => {
  t.match(await parse('plan', '--state-dri', '/x'), { command: 'plan', hints: [/did you mean --state-dir\?/], options: { daemonArgs: ['--state-dri', '/x'] } });
});

t.test('inspect takes its inputs', async (t) => {
  t.same(await parse('inspect', '--json', '--bpf-header', '/f', '--kernel-release=5.10.0', '--btf', '/b'), {
    command: 'inspect',
    options: { json: true, bpfHeader: '/f', kernelRelease: '5.10.0', kernelConfig: undefined, btf: '/b' },
  });
});

t.test('the help text names every command and every phase of the list', async (t) => {
  for (const argv of [['--help'], ['-h'], ['cleanup', '--help']]) {
    const line = await parse(...argv);
    if (line.command !== 'help') throw new Error(`${argv.join(' ')} is not help`);
    for (const word of ['plan', 'cleanup', 'inspect', '--state-dir', ...SEQUENCE.map(({ name }) => name)]) t.match(line.text, word);
  }
  t.same(await parse('--version'), { command: 'version' });
});

t.test('on a terminal the log is for people, unless told otherwise', async (t) => {
  const terminal = { ...vocabulary, terminal: true };
  t.match(await parseCommandLine([], terminal), { options: { logFormat: 'pretty' } });
  t.match(await parseCommandLine(['--log-format=json'], terminal), { options: { logFormat: 'json' } });
});
