// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import path from 'node:path';
import yargs, { type Argv, type Options as YargsOptions } from 'yargs';
import { KmeshError } from './errors.js';
import { didYouMean, nearest } from './nearest.js';
import { agentTable, bundleTable, COMMAND_NAMES, COMMANDS, type CommandName, doctorTable, inspectTable } from './optionTable.js';
import { type AgentOptions, CNI_FAILURE, type DoctorOptions, INSTALL_CNI, type InspectOptions, LOG_LEVELS, MANAGE, MODES, ON_STOP, RESTART } from './options.js';
import { supervisionTimes } from './supervisor/timeOptions.js';

/** What the command line may name besides options. */
export interface Vocabulary {
  readonly phases: readonly { readonly name: string; readonly summary: string }[];
  readonly capabilities: readonly string[];
  /** Standard output is a terminal: decides the log's format. */
  readonly terminal: boolean;
}

export type CommandLine =
  | { readonly command: 'help'; readonly text: string }
  | { readonly command: 'version' }
  | { readonly command: 'run' | 'plan' | 'cleanup'; readonly options: AgentOptions; readonly hints: readonly string[] }
  | { readonly command: 'bundle'; readonly options: AgentOptions; readonly output: string | undefined; readonly hints: readonly string[] }
  | { readonly command: 'doctor'; readonly options: AgentOptions; readonly doctor: DoctorOptions; readonly hints: readonly string[] }
  | { readonly command: 'inspect'; readonly options: InspectOptions };

type Values = Readonly<Record<string, unknown>>;

/**
 * Reads the arguments after `node agent.js`.
 * @throws KM_USAGE naming the word and what was probably meant; KM_MODE_NOT_BUILT
 */
export async function parseCommandLine(argv: readonly string[], vocabulary: Vocabulary): Promise<CommandLine> {
  const words = argv.map(normalizeDashes);
  const first = words[0] ?? '';
  const named = first !== '' && !first.startsWith('-');
  if (named && !isCommand(first)) throw usage(`unknown command "${first}"${didYouMean(first, COMMAND_NAMES)}`);
  const command: CommandName = named && isCommand(first) ? first : 'run';
  const tables: Readonly<Record<CommandName, Record<string, YargsOptions>>> = { run: agentTable, plan: agentTable, cleanup: agentTable, bundle: bundleTable, doctor: doctorTable, inspect: inspectTable };
  const table = tables[command];
  // Of every other option the last one counts, as a manifest's default is overridden; what is required must not go that way.
  if (words.filter((word) => /^--require(=|$)/.test(word)).length > 1) throw usage('--require is there twice; separate capabilities by commas');
  const { values, rest, parser } = parse(words.slice(named ? 1 : 0), table);
  if (values['help'] === true) return { command: 'help', text: await helpText(parser, vocabulary) };
  if (values['version'] === true) return { command: 'version' };
  const takesUnknown = command === 'run' || command === 'plan' || command === 'doctor';
  checkRest(rest, takesUnknown, Object.keys(table));
  if (command === 'inspect') return { command, options: inspectOptions(values) };
  if (command === 'bundle') return { command, options: { ...agentOptions(values, rest, vocabulary), kernelRelease: values['kernel-release'] === undefined ? undefined : String(values['kernel-release']) }, output: values['output'] === undefined ? undefined : filePath(values, 'output'), hints: [] };
  if (command === 'doctor') return { command, options: agentOptions(values, rest, vocabulary), doctor: doctorOptions(values), hints: typingHints(rest, Object.keys(table)) };
  return { command, options: agentOptions(values, rest, vocabulary), hints: takesUnknown ? typingHints(rest, Object.keys(table)) : [] };
}

/** The old scripts took `-mode=ads` with one dash. */
function normalizeDashes(word: string): string {
  return /^-[a-z][a-z0-9-]+(=|$)/.test(word) ? `-${word}` : word;
}

const isCommand = (word: string): word is CommandName => (COMMAND_NAMES as readonly string[]).includes(word);

function parse(words: readonly string[], table: Record<string, YargsOptions>): { values: Values; rest: readonly string[]; parser: Argv } {
  const parser = yargs([...words])
    .scriptName('node agent.js')
    .parserConfiguration({
      'unknown-options-as-args': true,
      'duplicate-arguments-array': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'parse-positional-numbers': false,
    })
    .help(false)
    .version(false)
    .options(table)
    .option('help', { alias: 'h', type: 'boolean', describe: 'Show this text' })
    .option('version', { type: 'boolean', describe: 'Show the version' })
    .fail((message, error) => {
      throw usage(message ?? error.message);
    });
  const { _: rest, ...values } = parser.parseSync() as Values & { _: readonly (string | number)[] };
  return { values, rest: rest.map(String), parser };
}

/** Words that are left: options that are for the daemon, with their values, and nothing else. */
function checkRest(rest: readonly string[], takesUnknown: boolean, known: readonly string[]): void {
  for (const [index, word] of rest.entries()) {
    const name = optionName(word);
    if (name !== undefined && !takesUnknown) throw usage(`unknown option "${word}"${didYouMean(`--${name}`, known.map((one) => `--${one}`))}`);
    const before = rest[index - 1];
    const value = before !== undefined && optionName(before) !== undefined && !before.includes('=');
    if (name === undefined && !value) throw usage(`unexpected word "${word}"${isCommand(word) ? '; a command comes before the options' : ''}`);
  }
}

const optionName = (word: string): string | undefined => /^--?([^=-][^=]*)/.exec(word)?.[1];

/** Words for the daemon that look like a misspelt option of the agent. */
function typingHints(rest: readonly string[], known: readonly string[]): readonly string[] {
  return rest.flatMap((word) => {
    const name = optionName(word);
    const meant = name === undefined ? undefined : nearest(name, known);
    return meant === undefined ? [] : [`the agent does not know --${name} and passes it to kmesh-daemon; did you mean --${meant}?`];
  });
}

function doctorOptions(values: Values): DoctorOptions {
  const file = (name: string): string | undefined => (values[name] === undefined ? undefined : filePath(values, name));
  const found = { json: values['json'] === true, hostRoot: file('host-root'), capture: file('capture'), connect: values['connect'] === true };
  if (found.hostRoot !== undefined && (found.capture !== undefined || found.connect)) throw usage('--host-root looks at a folder: it goes neither with --capture nor with --connect');
  return found;
}

function inspectOptions(values: Values): InspectOptions {
  const file = (name: string): string | undefined => (values[name] === undefined ? undefined : filePath(values, name));
  return {
    json: values['json'] === true,
    bpfHeader: file('bpf-header'),
    kernelRelease: values['kernel-release'] === undefined ? undefined : String(values['kernel-release']),
    kernelConfig: file('kernel-config'),
    btf: file('btf'),
  };
}

function agentOptions(values: Values, daemonArgs: readonly string[], vocabulary: Vocabulary): AgentOptions {
  const names = vocabulary.phases.map((phase) => phase.name);
  if (values['attach-cgroup'] === '') throw usage('--attach-cgroup needs a path below the root of the hierarchy');
  const optional = (name: string): string | undefined => (values[name] === undefined ? undefined : String(values[name]));
  return {
    mode: mode(String(values['mode'])),
    stateDir: filePath(values, 'state-dir'),
    cgroup2Path: filePath(values, 'cgroup2-path'),
    attachCgroup: optional('attach-cgroup'),
    bpfFsPath: filePath(values, 'bpf-fs-path'),
    bpfHeader: values['bpf-header'] === undefined ? undefined : filePath(values, 'bpf-header'),
    kernelHeaders: values['kernel-headers'] === undefined ? undefined : filePath(values, 'kernel-headers'),
    ...signingFiles(values),
    module: values['module'] === undefined ? undefined : filePath(values, 'module'),
    bundle: values['bundle'] === undefined ? undefined : filePath(values, 'bundle'),
    until: values['until'] === undefined ? undefined : oneOf(values, 'until', names),
    require: required(optional('require') ?? '', vocabulary.capabilities),
    manage: values['manage'] === undefined ? undefined : oneOf(values, 'manage', MANAGE),
    installCni: oneOf(values, 'install-cni', INSTALL_CNI),
    cniFailure: oneOf(values, 'cni-failure', CNI_FAILURE),
    cniConfDir: values['cni-conf-dir'] === undefined ? undefined : filePath(values, 'cni-conf-dir'),
    cniBinDir: values['cni-bin-dir'] === undefined ? undefined : filePath(values, 'cni-bin-dir'),
    restart: oneOf(values, 'restart', RESTART),
    supervision: supervisionTimes(values),
    onStop: oneOf(values, 'on-stop', ON_STOP),
    apiServer: values['api-server'] === undefined ? undefined : httpsOrigin(values, 'api-server'),
    kubeconfig: values['kubeconfig'] === undefined ? undefined : filePath(values, 'kubeconfig'),
    statusAddress: values['status-address'] === undefined ? undefined : address(values, 'status-address'),
    statusPort: port(values, 'status-port'),
    metricsPort: port(values, 'metrics-port'),
    logLevel: oneOf(values, 'log-level', LOG_LEVELS),
    logFormat: oneOf({ 'log-format': vocabulary.terminal ? 'pretty' : 'json', ...values }, 'log-format', ['json', 'pretty'] as const),
    daemonArgs,
  };
}

/** One without the other signs nothing. */
function signingFiles(values: Values): Pick<AgentOptions, 'moduleSigningKey' | 'moduleSigningCert'> {
  const [key, certificate] = ['module-signing-key', 'module-signing-cert'].map((name) => (values[name] === undefined ? undefined : filePath(values, name)));
  if ((key === undefined) !== (certificate === undefined)) throw usage('--module-signing-key and --module-signing-cert go together');
  return { moduleSigningKey: key, moduleSigningCert: certificate };
}

function mode(given: string): 'ads' {
  if ((MODES.ads as readonly string[]).includes(given)) return 'ads';
  if ((MODES.workload as readonly string[]).includes(given)) throw new KmeshError('KM_MODE_NOT_BUILT', `--mode=${given} is not part of this build`);
  throw usage(`--mode is ads or kernel-native, not "${given}"${didYouMean(given, MODES.ads)}`);
}

function oneOf<Choice extends string>(values: Values, name: string, choices: readonly Choice[]): Choice {
  const given = String(values[name]);
  const choice = choices.find((one) => one === given);
  if (choice === undefined) throw usage(`--${name} is one of ${choices.join(', ')}, not "${given}"${didYouMean(given, choices)}`);
  return choice;
}

function filePath(values: Values, name: string): string {
  const given = String(values[name]);
  if (given === '' || given.includes('\0')) throw usage(`--${name} needs a path`);
  return path.resolve(given);
}

function address(values: Values, name: string): string {
  const given = String(values[name]);
  if (isIP(given) === 0) throw usage(`--${name} is an IP address, not "${given}"`);
  return given;
}

/** The token goes there, so nothing but https will do. */
function httpsOrigin(values: Values, name: string): string {
  const given = String(values[name]);
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.pathname !== '/' || url.search !== '') throw usage(`--${name} is a URL such as https://10.0.0.1:6443, not "${given}"`);
  return url.origin;
}

/** 0: any that is free. */
function port(values: Values, name: string): number {
  const given = String(values[name]);
  if (!/^\d{1,5}$/.test(given) || Number(given) > 65535) throw usage(`--${name} is a port number, not "${given}"`);
  return Number(given);
}

/** Each word is the name of a capability, or the first part of names: l4 stands for l4-ipv4 and l4-ipv6. */
function required(list: string, capabilities: readonly string[]): readonly string[] {
  const words = list.split(',').map((word) => word.trim()).filter((word) => word !== '');
  return words.flatMap((word) => {
    const meant = capabilities.filter((name) => name === word || name.startsWith(`${word}-`));
    if (meant.length === 0) throw usage(`--require: no capability "${word}"${didYouMean(word, capabilities)}; there are ${capabilities.join(', ')}`);
    return meant;
  });
}

const usage = (detail: string): KmeshError => new KmeshError('KM_USAGE', detail);

async function helpText(parser: Argv, { phases }: Vocabulary): Promise<string> {
  const list = (rows: readonly (readonly [string, string])[]): string => {
    const width = Math.max(...rows.map(([name]) => name.length));
    return rows.map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`).join('\n');
  };
  const commands = list(COMMAND_NAMES.map((name) => [name, COMMANDS[name]] as const));
  const steps = list(phases.map(({ name, summary }) => [name, summary] as const));
  const help = await parser.usage('$0 [command] [options]').wrap(110).getHelp();
  return `${help}\n\nCommands:\n${commands}\n\nPhases of run:\n${steps}\n\nOther options go to kmesh-daemon as they are. Exit codes: docs/errors.md.`;
}
