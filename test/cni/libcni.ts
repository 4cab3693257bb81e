// SPDX-License-Identifier: Apache-2.0
/** Runs the chain of a conflist as the reference client does (libcni/api.go; its command is cnitool): plugins in order, each with the result of the one before; back for DEL. */
import path from 'node:path';
import { type Answer, invoke } from './stage.js';

export interface Conflist {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly ({ readonly type: string; readonly capabilities?: Readonly<Record<string, boolean>> } & Readonly<Record<string, unknown>>)[];
}

export interface Attachment {
  readonly container: string;
  readonly netns: string;
  readonly args?: string;
  /** Values of capabilities, as portMappings. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
}

export class PluginFailed extends Error {
  override readonly name = 'PluginFailed';
}

export class Runner {
  readonly #folders: readonly string[];
  readonly #find: (type: string) => string;

  /** @param find path of a plugin by its type @param folders as CNI_PATH */
  constructor(find: (type: string) => string, folders: readonly string[]) {
    this.#find = find;
    this.#folders = folders;
  }

  /** @returns what the last plugin wrote, as it is. @throws PluginFailed */
  async add(list: Conflist, attachment: Attachment): Promise<string> {
    let result: string | undefined;
    for (const plugin of list.plugins) result = (await this.#call('ADD', list, plugin, attachment, result)).stdout;
    return result ?? '';
  }

  async check(list: Conflist, attachment: Attachment, result: string): Promise<void> {
    for (const plugin of list.plugins) await this.#call('CHECK', list, plugin, attachment, result);
  }

  async del(list: Conflist, attachment: Attachment, result: string | undefined): Promise<void> {
    for (const plugin of [...list.plugins].reverse()) await this.#call('DEL', list, plugin, attachment, result);
  }

  async #call(command: string, { cniVersion, name }: Conflist, plugin: Conflist['plugins'][number], { container, netns, args = '', capabilityArgs = {} }: Attachment, result: string | undefined): Promise<Answer> {
    const wanted = Object.entries(capabilityArgs).filter(([capability]) => plugin.capabilities?.[capability] === true);
    const { capabilities: _, ...config } = plugin;
    const text = JSON.stringify({ ...config, name, cniVersion, ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) }), ...(result === undefined ? {} : { prevResult: JSON.parse(result) as unknown }) });
    const env = { CNI_COMMAND: command, CNI_CONTAINERID: container, CNI_NETNS: netns, CNI_IFNAME: 'eth0', CNI_ARGS: args, CNI_PATH: this.#folders.join(path.delimiter) };
    const answer = await invoke(this.#find(plugin.type), text, env);
    if (answer.code !== 0) throw new PluginFailed(`${plugin.type} ${command} ended with ${answer.code}: ${answer.stdout}`);
    return answer;
  }
}
