// SPDX-License-Identifier: Apache-2.0
import { asConflist, type CniConfig, hasForeignEntry, namesPlugin, PLUGIN, type PluginSettings, readCniConfig, settingsIn, VERSIONS, withoutPlugin, withPlugin } from './cniConfig.js';

/** Behind the name of a .conf or .json file: the file itself while our chain is in its place. Container runtimes do not read it. */
const SAVED = '.kmesh-saved';
/** Behind the same name: our chain in its place. It sorts right behind the file, so that nothing comes between. */
const MADE = '.kmesh.conflist';
/** What a write leaves that a power loss ended. */
const PARTIAL = /\.kmesh-[0-9a-f]{12}\.partial$/;

/** As Go's filepath.Ext: from the last dot on. */
const extension = (name: string): string => (name.includes('.') ? name.slice(name.lastIndexOf('.')) : '');
const isList = (name: string): boolean => extension(name) === '.conflist';
const isSingle = (name: string): boolean => ['.conf', '.json'].includes(extension(name));

/** Names that a runtime reads, and those of ours. */
export const isOfInterest = (name: string): boolean => isList(name) || isSingle(name) || (name.endsWith(SAVED) && isSingle(name.slice(0, -SAVED.length)));

/** What is in the folder: texts of the files of interest (bytes as characters), undefined for one that cannot be read; and all names. */
export interface FolderContents {
  readonly files: ReadonlyMap<string, string | undefined>;
  readonly names: readonly string[];
}

export type Operation =
  /** A new file in the place of `name`, with owner and mode of `like`, if `name` still holds `expect`; undefined: nothing. */
  | { readonly kind: 'write'; readonly name: string; readonly text: string; readonly like: string; readonly expect: string | undefined }
  /** If what is renamed holds `expect`; with `vacant` only to a name at which nothing is. */
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly expect: string; readonly vacant: boolean }
  | { readonly kind: 'remove'; readonly name: string };

/** The configuration that the node's runtime uses, without us. */
export interface Chosen {
  readonly name: string;
  readonly config: CniConfig;
}

export type Choice =
  | { readonly chosen: Chosen }
  | { readonly none: string }
  /** A runtime may see a configuration where we see none: to go by the next one would be wrong. */
  | { readonly unreadable: string };

/** The files that would be there without us. */
function original({ files }: FolderContents): ReadonlyMap<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const [name, text] of files) {
    if (name.endsWith(SAVED)) {
      const plain = name.slice(0, -SAVED.length);
      const made = plain + MADE;
      // Somebody wrote the file anew since, or has changed our chain, which is theirs now and would be hidden.
      if (!files.has(plain) && (!files.has(made) || isMade(files, made))) found.set(plain, text);
    } else if (!isMade(files, name)) found.set(name, text !== undefined && isList(name) ? withoutPlugin(text) : text);
  }
  return found;
}

/** Whether a file is our chain in the place of another file, as we made it. */
function isMade(files: FolderContents['files'], name: string): boolean {
  if (!name.endsWith(MADE)) return false;
  const plain = name.slice(0, -MADE.length);
  if (!isSingle(plain)) return false;
  // Beside the file itself it counts for nothing: it sorts behind.
  if (files.has(plain)) return true;
  const [saved, text] = [files.get(plain + SAVED), files.get(name)];
  return saved !== undefined && text !== undefined && readCniConfig(saved, false) !== undefined && withoutPlugin(text) === asConflist(saved);
}

/** The first that is valid, in the order of the names, as libcni's users have it; broken ones are skipped. */
export function choose(contents: FolderContents): Choice {
  const names = [...original(contents)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, text] of names) {
    if (text === undefined) return { unreadable: name };
    const config = readCniConfig(text, isList(name));
    if (config !== undefined) return { chosen: { name, config } };
  }
  const broken = names.map(([name]) => name);
  return { none: broken.length === 0 ? 'it holds no configuration' : `none of ${broken.join(', ')} is a configuration that a runtime would take` };
}

/** Why our plugin must not get into a chain; undefined: it may. */
export function refusal(contents: FolderContents, { name, config: { versions } }: Chosen): { readonly code: 'KM_CNI_VERSION' | 'KM_CNI_CONFIG'; readonly why: string } | undefined {
  const strange = versions.filter((version) => !(VERSIONS as readonly string[]).includes(version));
  if (versions.length === 0) return { code: 'KM_CNI_VERSION', why: `${name} names no cniVersion, which means 0.1.0` };
  if (strange.length > 0) return { code: 'KM_CNI_VERSION', why: `${name} names version ${strange.join(', ')}; ${PLUGIN} supports ${VERSIONS.join(', ')}` };
  const text = contents.files.get(name);
  if (text === undefined || !isList(name)) return undefined;
  if (hasForeignEntry(text)) return { code: 'KM_CNI_CONFIG', why: `${name} has a plugin ${PLUGIN} of another installation of Kmesh in its chain` };
  return withPlugin(text, { cniFailure: 'allow' }) === undefined ? { code: 'KM_CNI_CONFIG', why: `${name} has the member plugins more than once` } : undefined;
}

/** How our plugin is set in the folder; undefined: it is in no chain. */
export function settingsOf({ files }: FolderContents): PluginSettings | undefined {
  for (const [name, text] of files) {
    const found = text !== undefined && isList(name) ? settingsIn(text) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Files that call a plugin of our name: in a chain of us or others, or in a copy of one, such as Multus has inside of its own configuration. */
export const callers = ({ files }: FolderContents): readonly string[] => [...files].filter(([, text]) => text !== undefined && namesPlugin(text)).map(([name]) => name);

/**
 * What has to be done so that our plugin is in the chain of the chosen configuration and in no other. After each step the first valid configuration
 * is the one of the node's own plugins, with ours behind them or without.
 *
 * @param wanted undefined: ours is to be nowhere
 */
export function operations(contents: FolderContents, wanted: { readonly chosen: Chosen; readonly settings: PluginSettings } | undefined): readonly Operation[] {
  const { files, names } = contents;
  const leftovers = names.filter((name) => PARTIAL.test(name)).map((name): Operation => ({ kind: 'remove', name }));
  const before = original(contents);
  const others = [...before].filter(([name]) => name !== wanted?.chosen.name).flatMap(([name, text]) => restore(files, name, text));
  return [...leftovers, ...(wanted === undefined ? [] : extend(files, before, wanted.chosen.name, wanted.settings)), ...others];
}

function extend(files: FolderContents['files'], before: ReadonlyMap<string, string | undefined>, name: string, settings: PluginSettings): readonly Operation[] {
  const text = before.get(name) ?? '';
  if (isList(name)) {
    const is = files.get(name);
    const extended = withPlugin(is ?? '', settings);
    return extended === undefined || extended === is ? [] : [{ kind: 'write', name, text: extended, like: name, expect: is }];
  }
  const [made, saved] = [name + MADE, name + SAVED];
  const chain = withPlugin(asConflist(text), settings) ?? '';
  const is = files.get(made);
  const like = files.has(name) ? name : saved;
  const write: Operation[] = is === chain ? [] : [{ kind: 'write', name: made, text: chain, like, expect: is }];
  // Until it is renamed, the file sorts first and is in force.
  return files.has(name) ? [...write, { kind: 'rename', from: name, to: saved, expect: text, vacant: false }] : write;
}

function restore(files: FolderContents['files'], name: string, text: string | undefined): readonly Operation[] {
  if (text === undefined) return [];
  if (isList(name)) return files.get(name) === text ? [] : [{ kind: 'write', name, text, like: name, expect: files.get(name) }];
  const [made, saved] = [name + MADE, name + SAVED];
  const own = isMade(files, made) && files.has(made) ? [made] : [];
  if (!files.has(name)) return [{ kind: 'rename', from: saved, to: name, expect: text, vacant: true }, ...own.map((one): Operation => ({ kind: 'remove', name: one }))];
  return [...own, ...(files.has(saved) ? [saved] : [])].map((one): Operation => ({ kind: 'remove', name: one }));
}
