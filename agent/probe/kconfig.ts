// SPDX-License-Identifier: Apache-2.0
import { type Fact, no, unknown, yes } from './fact.js';
import { boundText } from './probeError.js';

/** The widest distribution configurations are about 300 KiB. */
const LIMIT_KIB = 4096;

const SET = /^(CONFIG_\w+)=(.*)$/;
const NOT_SET = /^# (CONFIG_\w+) is not set$/;

/**
 * Reads a kernel's .config (format: Documentation/kbuild/kconfig.rst). Values are `y`, `m`, a number or a text
 * without its quotes; an option that is written as "is not set" has the value `n`. Other lines are skipped:
 * a map without entries means that the text was no configuration.
 * @throws ProbeError when the text is larger than 4 MiB.
 */
export function parseKconfig(text: string): ReadonlyMap<string, string> {
  boundText('kernel config', text, LIMIT_KIB);
  const options = new Map<string, string>();
  for (const raw of text.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    const set = SET.exec(line);
    if (set !== null) options.set(set[1] ?? '', unquote(set[2] ?? ''));
    const notSet = NOT_SET.exec(line);
    if (notSet !== null) options.set(notSet[1] ?? '', 'n');
  }
  return options;
}

function unquote(value: string): string {
  const quoted = /^"(.*)"$/.exec(value);
  return quoted === null ? value : (quoted[1] ?? '').replace(/\\(.)/g, '$1');
}

/**
 * Whether option `name` is on (y or m). An option that a configuration does not mention is off: Kconfig leaves
 * out what its dependencies rule out.
 * @param source where the configuration was read, for the evidence
 */
export function configFact(config: ReadonlyMap<string, string> | undefined, name: string, source: string): Fact {
  if (config === undefined || config.size === 0) return unknown(`${name}: no kernel configuration was found`);
  const value = config.get(name);
  if (value === undefined) return no(`${name} is not in ${source}`);
  if (value === 'n') return no(`${name} is not set in ${source}`);
  return yes(`${name}=${value} in ${source}`);
}
