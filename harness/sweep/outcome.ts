import type { RunResult } from '../model/result.js';

/** What an NMI at a point leads to. `unknown`: the runs there established nothing about the kernel. */
export const END_WORDS = ['captured', 'reset', 'hang', 'panic', 'no vmcore', 'other', 'unknown'] as const;
export type EndWord = (typeof END_WORDS)[number];

/** Why QEMU reset the machine, from its log. */
export type ResetKind = 'triple fault' | 'other reset';

/** The outcome at one point. */
export interface PointOutcome {
  readonly end: EndWord;
  /** For people: `reset: triple fault in purgatory`, `captured`, `hang: all-vcpus-halted`. */
  readonly text: string;
  readonly verdict: RunResult['verdict'];
  readonly detail: string;
  readonly lastPhase: RunResult['lastPhase'];
  readonly runId: string;
  readonly directory: string;
}

const ENDS: Readonly<Record<RunResult['verdict'], EndWord>> = {
  captured: 'captured',
  'crash-path-hang': 'hang',
  'purgatory-hang': 'hang',
  'capture-hang': 'hang',
  'crash-path-reset': 'reset',
  'capture-reset': 'reset',
  'capture-panic': 'panic',
  'capture-no-vmcore': 'no vmcore',
  'no-panic': 'other',
  'no-crash-kernel': 'other',
  'boot-failed': 'unknown',
  void: 'unknown',
  'harness-error': 'unknown',
};

/**
 * The outcome of a point's run. A degraded capture is a capture: what degrades one (a timer check that a busy host
 * lost) is not caused by the NMI. A guest that did not boot establishes nothing about the point.
 */
export function outcomeOf(result: RunResult, reset: ResetKind | undefined): PointOutcome {
  const { verdict, detail, lastPhase, runId, directory } = result;
  const end = ENDS[verdict];
  return { end, text: textOf(end, { result, reset }), verdict, detail, lastPhase, runId, directory };
}

function textOf(
  end: EndWord,
  { result, reset }: { result: RunResult; reset: ResetKind | undefined },
): string {
  switch (end) {
    case 'captured':
      return 'captured';
    case 'reset':
      return reset === undefined ? 'reset' : `reset: ${reset}`;
    case 'hang':
      return `hang: ${result.detail}`;
    case 'panic':
    case 'no vmcore':
    case 'other':
    case 'unknown':
      return `${end}: ${result.verdict} (${result.detail})`;
  }
}
