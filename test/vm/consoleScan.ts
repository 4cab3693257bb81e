// SPDX-License-Identifier: Apache-2.0
/** Finds what a kernel complains about in the text of its console. Pure. */

export interface Report {
  /** Of the line in the console, from 1. */
  readonly line: number;
  /** The line and what follows it. */
  readonly text: string;
}

export interface Allowed {
  readonly pattern: RegExp;
  /** Why this report says nothing about what is tested. */
  readonly reason: string;
}

const COMPLAINTS: readonly RegExp[] = [
  /\bWARNING: /,
  /\bBUG: /,
  /\bkernel BUG at /,
  /\bOops\b/,
  /general protection (fault|maybe)/,
  /Kernel panic/,
  /Unable to handle kernel/i,
  /double fault/,
  // lockdep
  /possible recursive locking/,
  /possible circular locking dependency/,
  /possible irq lock inversion/,
  /inconsistent lock state/,
  /(HARD|SOFT)IRQ-safe -> (HARD|SOFT)IRQ-unsafe lock order/,
  /suspicious RCU usage/,
  /bad unlock balance/,
  /lock held when returning to user space/,
  /held lock freed/,
  /Invalid wait context/,
  /sleeping function called from invalid context/,
  /scheduling while atomic/,
  // memory
  /KASAN:/,
  /UBSAN:/,
  /KCSAN:/,
  /unreferenced object 0x/,
  /kmemleak: \d+ new suspected memory leaks/,
  /kmemleak: .*(disabled|Cannot)/,
  /BUG \S+ .*: /,
  /Memory cgroup out of memory|Out of memory: /,
  /page allocation failure/,
  /corrupted stack end|stack guard page|kernel stack overflow/,
  /list_(add|del) corruption/,
  /refcount_t: /,
  /ODEBUG: /,
  /detected buffer overflow|usercopy: Kernel memory/,
  // time
  /blocked for more than \d+ seconds|hung[_ ]task:/,
  /detected stalls|self-detected stall/,
  /soft lockup|hard LOCKUP/,
  // references that a module left behind
  /waiting for \S+ to become free/,
  /Slab cache still has objects|kmem_cache_destroy .*: /,
];

/** What these machines say that is no complaint about what is tested. */
const ALLOWED: readonly Allowed[] = [];

/** Lines of a report's own, among which a further complaint belongs to the same report. */
const CONTEXT = 40;

/** The complaints of a console, each once, but for those that are allowed. */
export function scanConsole(text: string, allowed: readonly Allowed[] = ALLOWED): Report[] {
  const lines = text.split(/\r?\n/);
  const reports: Report[] = [];
  let free = 0;
  for (const [index, line] of lines.entries()) {
    if (index < free || !COMPLAINTS.some((pattern) => pattern.test(line))) continue;
    if (allowed.some(({ pattern }) => pattern.test(line))) continue;
    free = endOfReport(lines, index);
    reports.push({ line: index + 1, text: lines.slice(index, free).join('\n') });
  }
  return reports;
}

function endOfReport(lines: readonly string[], start: number): number {
  const limit = Math.min(start + CONTEXT, lines.length);
  for (let index = start + 1; index < limit; index += 1) {
    if (lines[index]!.includes('---[ end trace')) return index + 1;
    // The next leak of kmemleak's list is a report of its own.
    if (/unreferenced object 0x/.test(lines[index]!)) return index;
  }
  return limit;
}
