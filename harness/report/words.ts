import type { RunResult } from '../model/result.js';
import type { Outcome } from '../model/verdict.js';
import { escapeGuestText, escapeHostText } from '../model/escape.js';
import { BOOTED_BECAUSE, type StartOfRun } from '../model/start.js';
import { shellQuote } from '../model/shell-words.js';

/** Outcomes in the order in which they are counted and listed. */
export const OUTCOMES: readonly Outcome[] = ['expected', 'unexpected', 'inconclusive', 'harness-error'];

/** Longest explanation shown, characters; a longer one is cut and marked. */
const EXPLANATION_CHARACTERS = 1000;

/** Longest name (scenario, kernel, detail) shown, characters. */
const NAME_CHARACTERS = 120;

/** `captured (degraded)` for a degraded capture, else the verdict's word. A clean capture is the plain word. */
export function verdictName(result: Pick<RunResult, 'verdict' | 'quality'>): string {
  return result.quality === 'degraded' ? `${result.verdict} (degraded)` : result.verdict;
}

/** `kvm`, `tcg`, or `kvm, not proved` for a KVM that was insisted on. */
export function accelName({ accel, accelUnproved }: Pick<RunResult, 'accel' | 'accelUnproved'>): string {
  return accelUnproved === undefined ? accel : `${accel}, not proved`;
}

/** Milliseconds as seconds with three decimals, `?` for what is not a number. */
export function preciseSeconds(ms: number): string {
  return Number.isFinite(ms) ? (ms / 1000).toFixed(3) : '?';
}

/** A difference of milliseconds as signed seconds with three decimals. */
export function stepSeconds(ms: number): string {
  return ms < 0 ? preciseSeconds(ms) : `+${preciseSeconds(ms)}`;
}

/** Milliseconds as `16.6 s`, `?` for what is not a number. */
export function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : '?';
}

/** A time that is only estimated, in one unit. */
export function roughly(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 1.5) return `${Math.max(1, Math.round(ms / 1000))} s`;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** How a run began: `a clone of templates/001, whose boot took 6.6 s`, or that its guest booted, and why. */
export function startText(start: StartOfRun): string {
  if ('template' in start)
    return `a clone of ${safeName(start.template)}, whose boot took ${seconds(start.tookMs)}`;
  const saw = start.saw === undefined ? '' : `: ${safeSentence(start.saw)}`;
  return `booted (${start.booted}): ${BOOTED_BECAUSE[start.booted]}${saw}`;
}

/** A name from a plan or result, made safe and bounded. */
export function safeName(text: string): string {
  return escapeGuestText(text, NAME_CHARACTERS);
}

/** A sentence that may quote the guest, made safe and bounded. */
export function safeSentence(text: string): string {
  return escapeGuestText(text, EXPLANATION_CHARACTERS);
}

/** A path as one word of a POSIX shell; quoted only when it must be. */
export function shellWord(path: string): string {
  return shellQuote([escapeHostText(path)]);
}

/** Counts each value, in the order of `order`; values that do not occur are left out. */
export function countInOrder<T>(values: readonly T[], order: readonly T[]): [value: T, count: number][] {
  return order.flatMap((value): [T, number][] => {
    const count = values.filter((other) => other === value).length;
    return count === 0 ? [] : [[value, count]];
  });
}

/** `1 run`, `2 runs`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Longest command line shown, characters; the schema of a night's verdicts allows 20,000. */
const COMMAND_CHARACTERS = 4000;

/** A command line to copy, made safe and bounded. */
export function safeCommand(text: string): string {
  return text.length > COMMAND_CHARACTERS
    ? `${escapeHostText(text.slice(0, COMMAND_CHARACTERS))}...`
    : escapeHostText(text);
}
