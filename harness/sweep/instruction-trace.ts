import type { AddressRange, Armed } from '../model/event.js';
import type { Idt, Walked } from '../model/record.js';
import { contains } from '../timeline/armed.js';

/** The parts of the way, in order. */
export const STAGES = [
  'crashed kernel',
  'jump',
  'purgatory',
  'decompressor',
  'moved decompressor',
  'capture kernel',
] as const;
export type Stage = (typeof STAGES)[number];

/** A point of the way: an instruction before which an NMI can be injected. */
export interface WayPoint {
  /** Place on the way, from 0. */
  readonly index: number;
  /** Linear address, hexadecimal. */
  readonly at: string;
  readonly stage: Stage;
  /** The function, or the stage where functions have no names. */
  readonly group: string;
  /** `FUNCTION+0xOFFSET`, or the stage's name with an offset in its segment, or the bare address. */
  readonly name: string;
  readonly text: string;
  /** The IDT that the NMI meets. */
  readonly idt: Idt | undefined;
  /** True when the next point is the very next instruction that is executed. */
  readonly nextIsNext: boolean;
  /**
   * How long it took to go on from it. `long`: noticeably; `watched`: so long with a breakpoint behind it that its
   * return had to be noticed by its stack slot (choreo/step-over.ts).
   */
  readonly over: 'quick' | 'long' | 'watched';
}

/** Milliseconds. Under TCG a digest or a decompression takes seconds, what lies between them next to nothing. */
const LONG_MS = 250;

/** Start of the kernel image mapping on x86-64 (Documentation/x86/x86_64/mm.rst). */
const KERNEL_IMAGE = 0xffffffff80000000n;

/**
 * The points of a recorded way. After the jump, code is told by where it is: purgatory and the capture kernel's
 * decompressor by the segments that kexec named, the decompressor's second self by the copy that it made.
 */
export function wayOf(walked: readonly Walked[], armed: Armed | undefined): readonly WayPoint[] {
  const points: WayPoint[] = [];
  let stage: Stage = 'crashed kernel';
  let idt: Idt | undefined;
  let moved: { readonly delta: bigint; readonly range: AddressRange } | undefined;
  for (const [index, step] of walked.entries()) {
    idt = step.idt ?? idt;
    const at = BigInt(step.at);
    stage = stageAt(at, { step, before: stage, armed, moved: moved?.range });
    if (stage === 'decompressor' && step.copies !== undefined)
      moved = moveOf(step.copies, at, armed) ?? moved;
    points.push({
      index,
      at: step.at,
      stage,
      ...namesOf(at, { label: step.label, stage, armed, delta: moved?.delta ?? 0n }),
      text: step.text,
      idt,
      nextIsNext: step.went === 'step',
      over: step.noticed === 'watch' ? 'watched' : (step.tookMs ?? 0) >= LONG_MS ? 'long' : 'quick',
    });
  }
  return points;
}

function stageAt(
  at: bigint,
  {
    step,
    before,
    armed,
    moved,
  }: { step: Walked; before: Stage; armed: Armed | undefined; moved: AddressRange | undefined },
): Stage {
  const rank = STAGES.indexOf(before);
  if (at >= KERNEL_IMAGE) return rank < STAGES.indexOf('purgatory') ? 'crashed kernel' : 'capture kernel';
  if (step.label.endsWith('(identity-mapped)') || before === 'capture kernel') return 'capture kernel';
  if (moved !== undefined && contains(moved, at)) return 'moved decompressor';
  // What the moved decompressor leaves itself for is the kernel, with a name or without.
  if (before === 'moved decompressor') return 'capture kernel';
  if (armed?.purgatory !== undefined && contains(armed.purgatory, at)) return 'purgatory';
  if (rank >= STAGES.indexOf('purgatory')) return before === 'purgatory' ? 'decompressor' : before;
  return 'jump';
}

/**
 * The decompressor copies itself to the end of its buffer, backwards (`std; rep movsq`,
 * arch/x86/boot/compressed/head_64.S, 6.1): RSI and RDI are then the last quadwords of both.
 */
function moveOf(
  { from, to }: NonNullable<Walked['copies']>,
  at: bigint,
  armed: Armed | undefined,
): { delta: bigint; range: AddressRange } | undefined {
  const delta = BigInt(to) - BigInt(from);
  const segment = armed?.segments.find((candidate) => contains(candidate, at));
  if (segment === undefined || delta <= 0n || BigInt(from) <= at) return undefined;
  // Data that are zero at the start follow the copied part; code does not.
  return { delta, range: { first: segment.first + delta, last: BigInt(to) + 7n } };
}

function namesOf(
  at: bigint,
  { label, stage, armed, delta }: { label: string; stage: Stage; armed: Armed | undefined; delta: bigint },
): { group: string; name: string } {
  const symbol = /^([^+]+)(\+0x[0-9a-f]+)\/0x[0-9a-f]+(.*)$/.exec(label);
  if (symbol !== null) {
    const [, named = '', offset = '', note = ''] = symbol;
    return { group: `${named}${note}`, name: `${named}${offset}${note}` };
  }
  const home = stage === 'moved decompressor' ? at - delta : at;
  const segment = armed?.segments.find((candidate) => contains(candidate, home));
  if (segment === undefined || stage === 'capture kernel') return { group: stage, name: label };
  return { group: stage, name: `${stage}+0x${(home - segment.first).toString(16)}` };
}

/** Whether the way was walked to its end: the capture kernel's own IDT, with a gate for the NMI. */
export function isWholeWay(way: readonly WayPoint[]): boolean {
  const last = way.at(-1);
  return last !== undefined && last.stage === 'capture kernel' && hasNmiGate(last);
}

/**
 * Linear addresses of calls that were gone over and during which the IDT became another: the instruction that changed
 * it is inside. In the order of the way.
 */
export function callsThatChangeTheIdt(way: readonly WayPoint[]): readonly string[] {
  const calls = way.flatMap((point, index) => {
    const next = way[index + 1];
    const wentOver = !point.nextIsNext && point.text.startsWith('call');
    return next !== undefined && wentOver && !isSameIdt(point.idt, next.idt) ? [point.at] : [];
  });
  return [...new Set(calls)];
}

function isSameIdt(one: Idt | undefined, other: Idt | undefined): boolean {
  return one?.base === other?.base && one?.limit === other?.limit && one?.nmiGate === other?.nmiGate;
}

/** Whether an NMI finds a handler in this IDT, as far as the table alone tells. */
export function hasNmiGate({ idt }: Pick<WayPoint, 'idt'>): boolean {
  return idt?.nmiGate.startsWith('0x') === true;
}
