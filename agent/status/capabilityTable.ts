// SPDX-License-Identifier: Apache-2.0
import type { Capability } from '../probe/capabilities.js';
import { wrap } from './wrap.js';

const HEADINGS = ['CAPABILITY', 'STATE', 'WHY'] as const;
const GAP = '  ';
/** Below this the last column is not narrowed any further: a longer line reads better than one word a line. */
const MIN_WHY_WIDTH = 30;

/**
 * The capabilities as lines of text: name, on or off, why, and below it what would turn it on. Long reasons
 * are wrapped, never cut.
 * @param width columns that a line may take
 */
export function formatCapabilityTable(capabilities: readonly Capability[], width = 120): string {
  const titles = [HEADINGS[0], ...capabilities.map((capability) => capability.title)];
  const titleWidth = Math.max(...titles.map((title) => title.length));
  const stateWidth = HEADINGS[1].length;
  const whyWidth = Math.max(MIN_WHY_WIDTH, width - titleWidth - stateWidth - 2 * GAP.length);
  const line = (title: string, state: string, why: string): string =>
    [title.padEnd(titleWidth), state.padEnd(stateWidth), why].join(GAP).trimEnd();
  const rows = capabilities.flatMap((capability) => {
    const why = [...wrap(capability.reason, whyWidth), ...remedyLines(capability, whyWidth)];
    return why.map((text, i) => (i === 0 ? line(capability.title, capability.state, text) : line('', '', text)));
  });
  return [line(...HEADINGS), ...rows].join('\n');
}

function remedyLines(capability: Capability, width: number): string[] {
  return capability.remedy === undefined ? [] : wrap(`to turn it on: ${capability.remedy}`, width);
}
