import type { NightCell, NightControl, NightVerdicts, NightWord } from '../../model/night-verdict.js';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { Tally } from '../../stats/tally.js';
import type { ConsoleExcerpt } from '../console-excerpt.js';

/**
 * What a report says, for every format: cells with their runs, worst first. All texts are one line without
 * control or invisible characters, and printable ASCII except for commands: a format adds only the escaping of its own
 * syntax. The objects `result`, `plan`, `night` and `raw` are as they were read.
 */
export interface Report {
  /** Name of the campaign, the night or the run. */
  readonly title: string;
  /** When it began, ISO 8601; absent when only runs are stored. */
  readonly startedAt: string | undefined;
  /** crashpath's own version. */
  readonly version: string;
  readonly night: ReportedNight | undefined;
  readonly cells: readonly ReportedCell[];
}

/** What a night says beside its cells. */
export interface ReportedNight {
  readonly name: string;
  readonly blind: boolean;
  /** Why the night is blind; empty when it is not. */
  readonly blindBecause: readonly string[];
  readonly outOfBudget: boolean;
  readonly faults: readonly string[];
  readonly controls: readonly ReportedControl[];
  readonly raw: NightVerdicts;
}

/** How a format counts a run, a cell or a control; worst first. */
export const TEST_STATUSES = ['failed', 'error', 'skipped', 'passed'] as const;
export type TestStatus = (typeof TEST_STATUSES)[number];

export interface ReportedControl {
  readonly name: string;
  readonly status: TestStatus;
  readonly headline: string;
  readonly reproduce: string;
  readonly raw: NightControl;
}

/** One cell: a scenario on a kernel and a machine. */
export interface ReportedCell {
  readonly scenario: string;
  /** The kernel's name in the campaign file or its label, with what sets the cell apart: `6.1.0-56-amd64 on q35`. */
  readonly place: string;
  readonly kernel: string;
  readonly machine: string | undefined;
  readonly runs: readonly ReportedRun[];
  readonly status: TestStatus;
  /** What happened, one sentence; of a night: its word and why. */
  readonly headline: string;
  /** Failed of judged runs with rate and interval: `3 of 20 failed (15 %, 95 % interval 3.2 to 38 %)`. */
  readonly rate: string;
  readonly tally: Tally;
  /** Verdict names with counts: `2 captured, 1 crash-path-hang`; empty without runs. */
  readonly verdicts: string;
  readonly reproduce: string | undefined;
  readonly word: NightWord | undefined;
  readonly night: NightCell | undefined;
}

/** One run of a cell. */
export interface ReportedRun {
  readonly runId: string;
  readonly trial: number | undefined;
  readonly status: TestStatus;
  /** The verdict and its explanation, one sentence; or why there is none. */
  readonly headline: string;
  /** Names and values for people: kernel, machine, accelerator, host. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** The lines of the console that the verdict is about; empty for a passed run. */
  readonly console: readonly ReportedLine[];
  readonly reproduce: string | undefined;
  readonly seconds: number;
  readonly plan: RunPlan | undefined;
  readonly result: RunResult | undefined;
}

/** A line of a console. */
export interface ReportedLine {
  /** From 1. */
  readonly number: number;
  /** The verdict cites bytes of this line. */
  readonly decides: boolean;
  readonly text: string;
}

/** A run as it is stored. */
export interface StoredRunInput {
  /** Name of its directory. */
  readonly runId: string;
  /** Its directory relative to the reported one, with `/`. */
  readonly path: string;
  /** False for a run that is only planned. */
  readonly begun: boolean;
  /** Why a run that has begun has no result. */
  readonly whyNoResult?: string | undefined;
  readonly plan: RunPlan | undefined;
  readonly result: RunResult | undefined;
  readonly console: readonly ReportedLine[];
}

/** Input of {@link reportOf}. */
export interface ReportInput {
  readonly title: string;
  readonly startedAt?: string | undefined;
  readonly version: string;
  readonly runs: readonly StoredRunInput[];
  readonly night?: NightVerdicts | undefined;
}

/** How many there are of each status, worst first. */
export function statusCounts(
  items: readonly { readonly status: TestStatus }[],
): [status: TestStatus, count: number][] {
  return TEST_STATUSES.map((status) => [status, items.filter((item) => item.status === status).length]);
}

/** An excerpt of a console, with the lines that a verdict cites marked. */
export function reportedLines(
  { lines }: ConsoleExcerpt,
  evidence: RunResult['evidence'] = [],
): ReportedLine[] {
  const cited = evidence.flatMap(({ source, offset, length = 1 }) =>
    source === 'console' && offset !== undefined ? [{ from: offset, to: offset + Math.max(1, length) }] : [],
  );
  return lines.map(({ number, offset, text }, index) => {
    const end = lines[index + 1]?.offset ?? Number.POSITIVE_INFINITY;
    return { number, text, decides: cited.some(({ from, to }) => from < end && to > offset) };
  });
}
