// SPDX-License-Identifier: Apache-2.0
import { elementSpans, memberSpans } from './jsonSpans.js';

/** Type of our plugin in a chain, and the name of its program. */
export const PLUGIN = 'kmesh-cni';

/** Versions of the CNI specification that our plugin supports (cni/netconf.c; a test compares): in a chain of another one no pod would start. */
export const VERSIONS = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

/** How our plugin is set in a chain. */
export interface PluginSettings {
  readonly cniFailure: 'allow' | 'deny';
}

/** A configuration as a container runtime understands it. */
export interface CniConfig {
  /** Of the network. */
  readonly name: string;
  /** Types of the plugins, in order. */
  readonly types: readonly string[];
  /** All versions that it names; empty: none, which means 0.1.0. */
  readonly versions: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function parse(text: string): Fields | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function versionsOf({ cniVersion, cniVersions = [] }: Fields): readonly string[] | undefined {
  if (cniVersion !== undefined && typeof cniVersion !== 'string') return undefined;
  if (!Array.isArray(cniVersions) || !cniVersions.every(isText)) return undefined;
  return [...(isText(cniVersion) ? [cniVersion] : []), ...(cniVersions as string[])];
}

/**
 * Reads a file of the configuration folder by the rules of libcni (NetworkConfFromBytes, ListFromBytes in libcni/conf.go).
 *
 * @param text its bytes, each as the character of the same number: bytes that are no UTF-8 stay what they are
 * @param isList by the name: .conflist
 * @returns undefined: a runtime would not take it
 */
export function readCniConfig(text: string, isList: boolean): CniConfig | undefined {
  const fields = parse(text);
  const versions = fields === undefined ? undefined : versionsOf(fields);
  if (fields === undefined || versions === undefined || !isText(fields['name'])) return undefined;
  const plugins: unknown = isList ? fields['plugins'] : [fields];
  if (!Array.isArray(plugins) || plugins.length === 0) return undefined;
  const types = plugins.map((plugin: unknown) => (isObject(plugin) ? plugin['type'] : undefined));
  return types.every(isText) ? { name: fields['name'], types, versions } : undefined;
}

/** Members of an entry that we write; one with others is of another installation of Kmesh. */
const OWN_MEMBERS = ['type', 'cniFailure'];

const isOwnEntry = (entry: unknown): boolean => isObject(entry) && entry['type'] === PLUGIN && isText(entry['cniFailure']) && Object.keys(entry).every((name) => OWN_MEMBERS.includes(name));

export const entryText = ({ cniFailure }: PluginSettings): string => JSON.stringify({ type: PLUGIN, cniFailure });

/** Entries of a conflist: their texts, places, and whether they are ours. */
function entriesOf(conflist: string): readonly { readonly from: number; readonly to: number; readonly own: boolean; readonly foreign: boolean; readonly text: string }[] {
  return (elementSpans(conflist, 'plugins') ?? []).map(({ from, to }) => {
    const text = conflist.slice(from, to);
    const value = JSON.parse(text) as unknown;
    const own = isOwnEntry(value);
    return { from, to, own, foreign: !own && isObject(value) && value['type'] === PLUGIN, text };
  });
}

/** Whether another installation of Kmesh put its plugin there. */
export const hasForeignEntry = (conflist: string): boolean => parse(conflist) !== undefined && entriesOf(conflist).some(({ foreign }) => foreign);

/** Whether a configuration names our plugin at any depth, whoever put it there. */
export function namesPlugin(text: string): boolean {
  const pending: unknown[] = [parse(text)];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (isObject(value) && value['type'] === PLUGIN) return true;
    if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) if (typeof one === 'object' && one !== null) pending.push(one);
  }
  return false;
}

/** How our plugin is set there; undefined: it is not in the chain. */
export function settingsIn(conflist: string): PluginSettings | undefined {
  const own = parse(conflist) === undefined ? undefined : entriesOf(conflist).find((entry) => entry.own);
  if (own === undefined) return undefined;
  const { cniFailure } = JSON.parse(own.text) as { cniFailure: string };
  return { cniFailure: cniFailure === 'deny' ? 'deny' : 'allow' };
}

/**
 * Takes our entries out and leaves every other byte as it is: what is left of an entry that we added is the text before, and of a text that others
 * changed since, what they made of it.
 */
export function withoutPlugin(conflist: string): string {
  if (parse(conflist) === undefined) return conflist;
  for (let text = conflist; ; ) {
    const entries = entriesOf(text);
    const index = entries.findIndex(({ own }) => own);
    const [entry, before, after] = [entries[index], entries[index - 1], entries[index + 1]];
    if (entry === undefined) return text;
    const [from, to] = before !== undefined ? [before.to, entry.to] : after !== undefined ? [entry.from, after.from] : [entry.from, entry.to];
    text = text.slice(0, from) + text.slice(to);
  }
}

/**
 * Puts our entry behind the last plugin; one that is there already stays where it is, unless it is first or set otherwise.
 *
 * @returns undefined: where the plugins are cannot be told (a member `plugins` that is there twice)
 */
export function withPlugin(conflist: string, settings: PluginSettings): string | undefined {
  const entries = entriesOf(conflist);
  const own = entries.filter((entry) => entry.own);
  if (own.length === 1 && !entries[0]?.own && own[0]?.text === entryText(settings)) return conflist;
  const rest = withoutPlugin(conflist);
  const last = elementSpans(rest, 'plugins')?.at(-1);
  if (last === undefined) return undefined;
  // On a line of its own where the others are.
  const [blanks = ''] = /[ \t\r\n]*$/.exec(rest.slice(0, last.from)) ?? [];
  return `${rest.slice(0, last.to)},${blanks}${entryText(settings)}${rest.slice(last.to)}`;
}

/** A chain of the one plugin of a .conf or .json file, whose text is in it as it is. */
export function asConflist(conf: string): string {
  const members = ['cniVersion', 'cniVersions', 'name'].flatMap((name) => {
    const value = memberSpans(conf, name).at(-1);
    return value === undefined ? [] : [`  "${name}": ${conf.slice(value.from, value.to)},\n`];
  });
  return `{\n${members.join('')}  "plugins": [\n    ${conf.trim()}\n  ]\n}\n`;
}
