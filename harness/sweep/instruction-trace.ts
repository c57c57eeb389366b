import type { AddressRange, Armed } from '../model/event.js';
import type { Idt, TracedInstruction } from '../model/instruction-trace.js';
import {
  type CrashPathPlace,
  crashPathRank,
  KERNEL_IMAGE,
  PLACE_LABELS,
  UPPER_HALF,
} from '../model/place.js';
import { median } from '../stats/median.js';
import { contains } from '../timeline/armed.js';

/** A point of the instruction trace: an instruction before which an NMI can be injected. */
export interface TracePoint {
  /** Position in the trace, from 0. */
  readonly index: number;
  /** Linear address, hexadecimal. */
  readonly at: string;
  readonly place: CrashPathPlace;
  /** The function, or the label of the place where functions have no names. */
  readonly group: string;
  /** `FUNCTION+0xOFFSET`, or the label of the place with an offset in its kexec segment, or the bare address. */
  readonly name: string;
  readonly text: string;
  /** The IDT that the NMI meets. */
  readonly idt: Idt | undefined;
  /** True when the next point is the very next instruction that is executed. */
  readonly nextIsNext: boolean;
  /**
   * How long its execution took. `long`: more than a moment; `watched`: so slow with a breakpoint behind it that its
   * return was detected by a watchpoint on its stack slot (choreo/step-over.ts).
   */
  readonly over: 'quick' | 'long' | 'watched';
}

/**
 * Milliseconds beyond twice of what most calls take. Under TCG a digest or a decompression takes seconds, everything else
 * next to no time; over a slow link all calls take a second, give or take a half, whatever they do.
 */
const LONG_MS = 250;

/**
 * The points of a recorded instruction trace. After the jump, the address decides the place: purgatory and the capture
 * kernel's decompressor lie in the segments that kexec named, the moved decompressor in the copy that it made.
 */
export function tracePoints(
  traced: readonly TracedInstruction[],
  armed: Armed | undefined,
): readonly TracePoint[] {
  const points: TracePoint[] = [];
  let place: CrashPathPlace = 'first-kernel';
  let idt: Idt | undefined;
  const usualMs = median(traced.flatMap(({ tookMs }) => tookMs ?? []));
  let moved: { readonly delta: bigint; readonly range: AddressRange } | undefined;
  for (const [index, instruction] of traced.entries()) {
    idt = instruction.idt ?? idt;
    const at = BigInt(instruction.at);
    place = placeAt(at, { label: instruction.label, before: place, armed, moved: moved?.range });
    if (place === 'capture-start' && instruction.copies !== undefined)
      moved = moveOf(instruction.copies, at, armed) ?? moved;
    points.push({
      index,
      at: instruction.at,
      place,
      ...namesOf(at, { label: instruction.label, place, armed, delta: moved?.delta ?? 0n }),
      text: instruction.text,
      idt,
      nextIsNext: instruction.executed === 'step',
      over:
        instruction.noticed === 'watch'
          ? 'watched'
          : (instruction.tookMs ?? 0) >= 2 * usualMs + LONG_MS
            ? 'long'
            : 'quick',
    });
  }
  return points;
}

function placeAt(
  at: bigint,
  {
    label,
    before,
    armed,
    moved,
  }: {
    label: string;
    before: CrashPathPlace;
    armed: Armed | undefined;
    moved: AddressRange | undefined;
  },
): CrashPathPlace {
  const hasJumped = crashPathRank(before) >= crashPathRank('after-jump');
  if (at >= KERNEL_IMAGE) return hasJumped ? 'capture-kernel' : 'first-kernel';
  if (label.endsWith('(identity-mapped)') || before === 'capture-kernel') return 'capture-kernel';
  if (moved !== undefined && contains(moved, at)) return 'capture-start-moved';
  // The moved decompressor leaves its own code only for the kernel, with or without symbols.
  if (before === 'capture-start-moved') return 'capture-kernel';
  // kexec_file_load does not tell the segments. relocate_kernel begins in the direct mapping, which is none of them.
  if (armed?.segments.length === 0 && at < UPPER_HALF) return 'after-jump';
  if (armed?.purgatory !== undefined && contains(armed.purgatory, at)) return 'purgatory';
  if (hasJumped) return before === 'purgatory' ? 'capture-start' : before;
  return 'jump';
}

/**
 * The decompressor copies itself to the end of its buffer, backwards (`std; rep movsq`,
 * arch/x86/boot/compressed/head_64.S, 6.1): RSI and RDI are then the last quadwords of both.
 */
function moveOf(
  { from, to }: NonNullable<TracedInstruction['copies']>,
  at: bigint,
  armed: Armed | undefined,
): { delta: bigint; range: AddressRange } | undefined {
  const delta = BigInt(to) - BigInt(from);
  const segment = armed?.segments.find((candidate) => contains(candidate, at));
  if (segment === undefined || delta <= 0n || BigInt(from) <= at) return undefined;
  // The copied part is followed by zero-initialized data, and by no code.
  return { delta, range: { first: segment.first + delta, last: BigInt(to) + 7n } };
}

function namesOf(
  at: bigint,
  {
    label,
    place,
    armed,
    delta,
  }: { label: string; place: CrashPathPlace; armed: Armed | undefined; delta: bigint },
): { group: string; name: string } {
  const symbol = /^([^+]+)(\+0x[0-9a-f]+)\/0x[0-9a-f]+(.*)$/.exec(label);
  if (symbol !== null) {
    const [, named = '', offset = '', note = ''] = symbol;
    return { group: `${named}${note}`, name: `${named}${offset}${note}` };
  }
  const group = PLACE_LABELS[place];
  const original = place === 'capture-start-moved' ? at - delta : at;
  const segment = armed?.segments.find((candidate) => contains(candidate, original));
  if (segment === undefined || place === 'capture-kernel') return { group, name: label };
  return { group, name: `${group}+0x${(original - segment.first).toString(16)}` };
}

/** Whether the trace is complete: it ends with the capture kernel's own IDT, with a gate for the NMI. */
export function isCompleteTrace(trace: readonly TracePoint[]): boolean {
  const last = trace.at(-1);
  return last !== undefined && last.place === 'capture-kernel' && hasNmiGate(last);
}

/**
 * Linear addresses of calls that were stepped over and during which the IDT changed: the instruction that changed it
 * is inside. In the order of the trace.
 */
export function callsThatChangeTheIdt(trace: readonly TracePoint[]): readonly string[] {
  const calls = trace.flatMap((point, index) => {
    const next = trace[index + 1];
    const steppedOver = !point.nextIsNext && point.text.startsWith('call');
    return next !== undefined && steppedOver && !isSameIdt(point.idt, next.idt) ? [point.at] : [];
  });
  return [...new Set(calls)];
}

function isSameIdt(one: Idt | undefined, other: Idt | undefined): boolean {
  return one?.base === other?.base && one?.limit === other?.limit && one?.nmiGate === other?.nmiGate;
}

/** Whether this IDT has a gate for the NMI. */
export function hasNmiGate({ idt }: Pick<TracePoint, 'idt'>): boolean {
  return idt?.nmiGate.startsWith('0x') === true;
}
