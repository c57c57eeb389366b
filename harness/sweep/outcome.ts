import type { RunResult } from '../model/result.js';
import { type EndWord, VERDICTS } from '../model/verdict.js';

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

/**
 * The outcome of a point's run. A degraded capture is a capture: the degradation (a timer check that a busy host
 * failed) is not caused by the NMI. A guest that did not boot shows nothing about the point.
 */
export function outcomeOf(result: RunResult, reset: ResetKind | undefined): PointOutcome {
  const { verdict, detail, lastPhase, runId, directory } = result;
  const { end } = VERDICTS[verdict];
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
