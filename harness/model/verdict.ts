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
  'void',
  'harness-error',
] as const;

export type VerdictWord = (typeof VERDICT_WORDS)[number];

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
    })
  | (VerdictBase & { readonly word: Exclude<VerdictWord, 'captured'> });

/** A verdict held against its expectation. */
export type Outcome = 'expected' | 'unexpected' | 'inconclusive' | 'harness-error';
