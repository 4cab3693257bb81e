// SPDX-License-Identifier: Apache-2.0
/** RE2 itself, as WebAssembly: what Envoy matches expressions with. */
import { createRequire } from 'node:module';

interface Wrapped {
  ok(): boolean;
  /** Takes bytes too, as they are. */
  match(text: Uint8Array, start: number, groups: boolean): { readonly index: number };
  delete(): void;
}

interface Module {
  readonly WrappedRE2: new (pattern: string, ignoreCase: boolean, multiline: boolean, dotAll: boolean) => Wrapped;
}

/** Without the package's own face, which translates the syntax of JavaScript. */
const { WrappedRE2 } = createRequire(import.meta.url)('re2-wasm/build/wasm/re2.js') as Module;

/**
 * Answers whether whole texts match, as RE2::FullMatch does; undefined for what is no expression. `done` gives its memory back.
 *
 * @param regex with as many brackets opened as closed, in this order.
 */
export function re2(regex: string): { matches(text: Uint8Array): boolean; done(): void } | undefined {
  const whole = new WrappedRE2(`\\A(?:${regex})\\z`, false, false, false);
  if (whole.ok()) return { matches: (text) => whole.match(text, 0, false).index >= 0, done: () => whole.delete() };
  whole.delete();
  return undefined;
}
