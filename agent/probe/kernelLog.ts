// SPDX-License-Identifier: Apache-2.0

/** Words of messages that can have to do with a module that was refused. */
const ABOUT_MODULES = /\bkmesh\b|\bmodules?\b|\blockdown\b/i;

/** The message of a record of /dev/kmsg: `prefix;text`, then lines of a dictionary (Documentation/ABI/testing/dev-kmsg). */
export function kernelMessage(record: string): string {
  const line = record.split('\n')[0] ?? '';
  return line.slice(line.indexOf(';') + 1);
}

/** Of what the kernel logged while a module was loaded, the messages that can be about it. */
export function messagesAboutModules(messages: readonly string[]): readonly string[] {
  return messages.filter((message) => ABOUT_MODULES.test(message));
}
