import type { Idt } from '../../model/instruction-trace.js';
import type { PointOutcome } from '../../sweep/outcome.js';
import type { EndWord } from '../../model/verdict.js';
import type { TracePoint } from '../../sweep/instruction-trace.js';

/** IDTs as a 6.1 kernel has them along the crash path: the crashed kernel's, none, the capture kernel's own. */
export const IDT = {
  full: { base: '0xfffffe0000000000', limit: '0xfff', nmiGate: '0xffffffff81c01650' },
  none: { base: '0x0', limit: '0x0', nmiGate: 'absent' },
} as const satisfies Record<string, Idt>;

/** A made trace: functions of `groupLength` instructions each, with a gate for the NMI where `hasGate` holds. */
export function madeTrace(
  length: number,
  { groupLength = 40, hasGate = () => true, over = () => undefined }: MadeTrace = {},
): TracePoint[] {
  return Array.from({ length }, (_, index) => {
    const group = `f${Math.floor(index / groupLength)}`;
    return {
      index,
      at: `0x${(0xffffffff81000000n + BigInt(index * 4)).toString(16)}`,
      place: 'first-kernel' as const,
      group,
      name: `${group}+0x${((index % groupLength) * 4).toString(16)}`,
      text: index % 9 === 0 ? 'call somewhere' : 'mov %rax,%rbx',
      idt: hasGate(index) ? IDT.full : IDT.none,
      nextIsNext: over(index) === undefined,
      over: over(index) ?? 'quick',
    };
  });
}

interface MadeTrace {
  readonly groupLength?: number;
  readonly hasGate?: (index: number) => boolean;
  readonly over?: (index: number) => TracePoint['over'] | undefined;
}

/** An outcome with this end. */
export function madeOutcome(end: EndWord): PointOutcome {
  return {
    end,
    text: end === 'reset' ? 'reset: triple fault' : end,
    verdict: end === 'captured' ? 'captured' : end === 'unknown' ? 'void' : 'crash-path-reset',
    detail: 'made',
    lastPhase: null,
    runId: 'a-0000-made',
    directory: '/made',
  };
}
