import { stripVTControlCharacters } from 'node:util';

/** A word of a console line that differs between two runs of one kernel, and what stands for it. */
type Rule = readonly [pattern: RegExp, replacement: string];

const UNITS =
  'ns|nsecs?|us|usecs?|ms|msecs?|s|secs?|seconds|cycles|jiffies|Hz|kHz|MHz|GHz|BogoMIPS|MB/s|GB/s|KB/s|B/s|bytes|[KMG]i?B|kB|K|M|pages|entries';

/**
 * In this order. Short hexadecimal numbers stay (offsets in functions, error codes, ports, register numbers), and so do
 * small decimal ones (CPUs, vectors, states, versions): they say what happened.
 */
const RULES: readonly Rule[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?/g, '<time>'],
  [/\b(pid|tid|tgid)([:= ]+)\d+/gi, '$1$2<pid>'],
  // `sh[123]:`, as daemons name a process.
  [/\b([A-Za-z][\w.-]*)\[\d+\](?=[: ]|$)/g, '$1[<pid>]'],
  [/\b(comm [^ ]+|task [^ :]+):\d+/g, '$1:<pid>'],
  // Addresses, masks, registers: 20 bits and more.
  [/\b0x[0-9a-f]{5,16}\b/gi, '<n>'],
  [/(?<![\w.])[0-9a-f]{8}(?:[0-9a-f]{8})?(?![\w.])/gi, '<n>'],
  // The bytes around RIP of a report (show_opcodes() of arch/x86/kernel/dumpstack.c, v6.1).
  [/\bCode: .*/g, 'Code: <bytes>'],
  [new RegExp(`(?<![\\w.])\\d+(?:\\.\\d+)?( ?)(${UNITS})(?![\\w])`, 'g'), '<n>$1$2'],
  [/\b(lpj|max_cycles|max_idle_ns|mult|shift|loops)([=: ]+)\d+/g, '$1$2<n>'],
  [/(?<![\w.])\d+\.\d{3,}(?![\w.])/g, '<n>'],
  // An address of its own, or a counter.
  [/(?<![\w.])\d{5,}(?![\w.])/g, '<n>'],
  // The number of an input device is that of its turn.
  [/\binput\d+\b/g, 'input<n>'],
  [/[ \t]+/g, ' '],
];

/** printk's prefix: level, time, and with CONFIG_PRINTK_CALLER the caller (Documentation/dev-tools, v6.1). */
const PREFIX = /^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?/;

/**
 * A console line without what differs between two runs of one kernel: times, addresses, PIDs, sizes, measured rates, the
 * run's nonce. Two lines that are equal afterwards say the same. Pure.
 */
export function normalLine(line: string, { nonce }: { readonly nonce?: string | undefined } = {}): string {
  const bare = stripVTControlCharacters(line).replace(PREFIX, '');
  const named = nonce === undefined || nonce === '' ? bare : bare.replaceAll(nonce, '<nonce>');
  return RULES.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), named).trim();
}

/**
 * Lines that two runs of one kernel have or lack by chance: how clocks are calibrated on a busy host, and frames that a
 * stack trace itself marks as unreliable. A timer that does not work at all is reported in other words. By prefix, of
 * normalised lines.
 */
const INCIDENTAL =
  /^(\? \S+\+0x|APIC (calibration|delta)|tsc: |TSC found unstable|sched_clock: |clocksource: |hpet: Lost|Calibrating delay|calibrate_delay|Spurious LAPIC timer|Probably due to long platform interrupts|node \d+ deferred pages|workingset: |random: |hrtimer: interrupt took |pci \S+: quirk_\S+ took )/;

/** Whether a normalised line is there by chance. Pure. */
export function isIncidental(line: string): boolean {
  return INCIDENTAL.test(line);
}
