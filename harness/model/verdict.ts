import type { Phase, PhaseReached } from './phase.js';

/** What happened, in one word. docs/verdicts.md describes each. */
export const VERDICT_WORDS = [
  'captured',
  'crash-path-hang',
  'crash-path-reset',
  'purgatory-hang',
  'capture-hang',
  'capture-panic',
  'capture-reset',
  'capture-no-vmcore',
  'no-panic',
  'no-crash-kernel',
  'boot-failed',
  'cannot-tell',
  'void',
  'harness-error',
] as const;

export type VerdictWord = (typeof VERDICT_WORDS)[number];

/**
 * Conditions of a clean capture that a run may leave open: because nobody asked (`--vmcore`), the machine does not
 * show it, or the recording is an older one. Other undecided aspects are reasons of a degraded capture.
 */
export const OPEN_CONDITIONS = [
  'cpus-stopped',
  'cpu-notes',
  'vmcore-whole',
  'vmcore-page-reads',
  'vmcore-compared',
  'vmcore-unchanged',
  'capture-end',
] as const;
export type OpenCondition = (typeof OPEN_CONDITIONS)[number];

/** A verdict compared with its expectation. */
export type Outcome = 'expected' | 'unexpected' | 'inconclusive' | 'harness-error';

/** What a trial is counted as when kernels are compared. */
export const TRIAL_CLASSES = ['captured', 'hung', 'other', 'void', 'harnessErrors'] as const;
export type TrialClass = (typeof TRIAL_CLASSES)[number];

/** What an NMI at a point of the crash path leads to. `unknown`: the run shows nothing about that point. */
export const END_WORDS = ['captured', 'reset', 'hang', 'panic', 'no vmcore', 'other', 'unknown'] as const;
export type EndWord = (typeof END_WORDS)[number];

/** What groups of verdicts are formed by. Every group is derived from {@link VERDICTS}. */
export interface VerdictFacts {
  /**
   * The outcome of a run whose expectation is another one: `unexpected` when the verdict is about the kernel,
   * `inconclusive` when it shows nothing about it. `harness-error` is the outcome with any expectation.
   */
  readonly otherwise: Exclude<Outcome, 'expected'>;
  /** The kernel panicked with a crash kernel armed, so that a capture was due. */
  readonly captureDue: boolean;
  /** Purgatory or the capture kernel was entered: impossible without a crash kernel. */
  readonly leftFirstKernel: boolean;
  /** It is either `clean` or `degraded`. */
  readonly hasQuality: boolean;
  readonly trialClass: TrialClass;
  readonly end: EndWord;
}

const NO_CRASH = {
  otherwise: 'unexpected',
  captureDue: false,
  leftFirstKernel: false,
  hasQuality: false,
} as const;
const CRASH_PATH = { ...NO_CRASH, captureDue: true } as const;
const CRASH_KERNEL = { ...CRASH_PATH, leftFirstKernel: true } as const;

/** Files every verdict word: a new word that is not filed here does not compile. */
export const VERDICTS: Readonly<Record<VerdictWord, VerdictFacts>> = {
  captured: { ...CRASH_KERNEL, hasQuality: true, trialClass: 'captured', end: 'captured' },
  'crash-path-hang': { ...CRASH_PATH, trialClass: 'hung', end: 'hang' },
  'crash-path-reset': { ...CRASH_PATH, trialClass: 'other', end: 'reset' },
  'purgatory-hang': { ...CRASH_KERNEL, trialClass: 'hung', end: 'hang' },
  'capture-hang': { ...CRASH_KERNEL, trialClass: 'hung', end: 'hang' },
  'capture-panic': { ...CRASH_KERNEL, trialClass: 'other', end: 'panic' },
  'capture-reset': { ...CRASH_KERNEL, trialClass: 'other', end: 'reset' },
  'capture-no-vmcore': { ...CRASH_KERNEL, trialClass: 'other', end: 'no vmcore' },
  'no-panic': { ...NO_CRASH, trialClass: 'other', end: 'other' },
  'no-crash-kernel': { ...NO_CRASH, trialClass: 'other', end: 'other' },
  // A failed boot is about the kernel, and shows nothing about an NMI at a point.
  'boot-failed': { ...NO_CRASH, trialClass: 'other', end: 'unknown' },
  // The state under test was reached, and what followed could not be told.
  'cannot-tell': { ...NO_CRASH, otherwise: 'inconclusive', trialClass: 'void', end: 'unknown' },
  void: { ...NO_CRASH, otherwise: 'inconclusive', trialClass: 'void', end: 'unknown' },
  'harness-error': {
    ...NO_CRASH,
    otherwise: 'harness-error',
    trialClass: 'harnessErrors',
    end: 'unknown',
  },
};

/** Whether a verdict is about the kernel. */
export function isAboutKernel(word: VerdictWord): boolean {
  return VERDICTS[word].otherwise === 'unexpected';
}

/** A reference into the recording that supports a verdict; excerpts are escaped text, never raw guest bytes. */
export type Evidence =
  | {
      readonly source: 'console' | 'control';
      /** Byte offset and length in the recorded channel. */
      readonly offset: number;
      readonly length: number;
      readonly atMs: number;
      readonly what: string;
      readonly excerpt: string;
    }
  | {
      readonly source: 'qmp' | 'samples' | 'host';
      /** Line number (from 0) in the recorded .jsonl file. */
      readonly line: number;
      readonly atMs: number;
      readonly what: string;
      readonly excerpt: string;
    };

interface VerdictBase {
  /** One short machine-friendly reason, e.g. `all-vcpus-halted`, `panic-in-capture`. */
  readonly detail: string;
  /** The same for people, one sentence. */
  readonly explanation: string;
  readonly lastPhase: Phase | undefined;
  readonly phases: readonly PhaseReached[];
  readonly evidence: readonly Evidence[];
}

/** What happened to a run, with the evidence. `quality` belongs to captured runs only. */
export type Verdict =
  | (VerdictBase & {
      readonly word: 'captured';
      readonly quality: 'clean' | 'degraded';
      /** Why the capture is degraded; empty when clean. */
      readonly degradedBy: readonly string[];
      /** Aspects that the run does not show, because of the host or because nobody asked for them. */
      readonly undecided: readonly string[];
    })
  | (VerdictBase & { readonly word: Exclude<VerdictWord, 'captured'> });
