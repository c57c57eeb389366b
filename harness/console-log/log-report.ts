import type { KnownCause } from '../classify/known-causes.js';
import type { LogFinding } from '../classify/log-undetermined.js';
import type { PhaseReached } from '../model/phase.js';
import type { CpuStack } from '../timeline/cpu-stacks.js';
import type { NextStep } from './next-steps.js';

/** A line that something rests on; its text is escaped and short. */
export interface ShownLine {
  /** Counted from 1. */
  readonly line: number;
  /** `panic`, `signature crash-kernel-loaded`, ... */
  readonly what: string;
  readonly text: string;
}

/** A rung of the ladder and the line that shows it; of an implied one, the line that implies it. */
export interface ShownPhase extends Pick<PhaseReached, 'phase' | 'how'> {
  readonly line: number;
}

/** A known cause with its line. */
export interface ShownCause extends Omit<KnownCause, 'shownBy'> {
  readonly line: number;
  readonly text: string;
}

/** A stack and the line where it begins. */
export interface ShownStack extends CpuStack {
  readonly line: number;
}

/** One crash of a log. */
export interface LogCrash {
  /** Which boot of the log, counted from 1. */
  readonly boot: number;
  readonly release: string | undefined;
  /** What the boot begins with: `unknown` when its beginning is not in the log. */
  readonly kernel: 'first' | 'capture' | 'unknown';
  readonly lines: { readonly first: number; readonly last: number };
  /** Whether a crash kernel was loaded, as the report of the crash says; undefined when it does not. */
  readonly loaded: boolean | undefined;
  readonly verdict: LogFinding['word'];
  readonly detail: string;
  readonly explanation: string;
  /** Of what is undetermined: what would decide it. */
  readonly toDecide: readonly string[];
  readonly phases: readonly ShownPhase[];
  readonly evidence: readonly ShownLine[];
  readonly stacks: readonly ShownStack[];
  readonly causes: readonly ShownCause[];
  readonly next: readonly NextStep[];
}

/** A boot without a crash that would not have dumped, and why. */
export interface UnarmedBoot {
  readonly boot: number;
  readonly release: string | undefined;
  readonly causes: readonly ShownCause[];
}

/** Everything that a log shows. */
export interface LogReport {
  readonly log: string;
  readonly bytes: number;
  readonly lines: number;
  readonly boots: number;
  /** The first of them, at most {@link MOST_CRASHES}. */
  readonly crashes: readonly LogCrash[];
  readonly moreCrashes: number;
  /** Boots without a crash that report a crash kernel which could not be loaded; as many at most. */
  readonly unarmed: readonly UnarmedBoot[];
  /** Lines that a kernel printed; 0: it is no log of one. */
  readonly kernelLines: number;
}

/** Crashes of one log that are reported. */
export const MOST_CRASHES = 100;

/** Version of the JSON form. */
export const LOG_SCHEMA = 1;

/** The JSON form: one object for each log. */
export function logReportJson({ kernelLines: _kernelLines, ...report }: LogReport): object {
  return {
    schema: LOG_SCHEMA,
    ...report,
    unarmed: report.unarmed.map(({ release, ...boot }) => ({ ...boot, release: release ?? null })),
    crashes: report.crashes.map(({ release, loaded, stacks, next, ...crash }) => ({
      ...crash,
      release: release ?? null,
      loaded: loaded ?? null,
      stacks: stacks.map(({ cpu, comm, ...stack }) => ({ ...stack, cpu: cpu ?? null, comm: comm ?? null })),
      next: next.map(({ command, why }) => ({ command, why })),
    })),
  };
}
