import type { RunResult } from '../model/result.js';
import { VERDICT_WORDS, VERDICTS } from '../model/verdict.js';
import { median } from '../stats/median.js';
import { countInOrder, countOf, OUTCOMES, safeName, verdictName } from './words.js';

/** All trials of one scenario on one kernel with one capture kernel on one machine. */
export interface TrialGroup {
  readonly scenario: string;
  /**
   * Label of the kernel; with the start of its sha256 when another kernel of the campaign has the same label, and the variant
   * of the crash path.
   */
  readonly kernel: string;
  /** The same of the capture kernel; absent when it is the same kernel. */
  readonly captureKernel: string | undefined;
  /** Name of the machine; absent for the default one. */
  readonly machine: string | undefined;
  readonly results: readonly RunResult[];
  /** Verdict names with counts, best first. */
  readonly verdicts: readonly (readonly [name: string, count: number])[];
  readonly outcomes: ReturnType<typeof outcomeCounts>;
  /** Median duration of the runs, milliseconds. */
  readonly medianMs: number;
}

/** Verdict names in the order of the vocabulary, one for each capture quality. */
export const VERDICT_NAMES = VERDICT_WORDS.flatMap((verdict) =>
  VERDICTS[verdict].hasQuality ? [verdict, verdictName({ verdict, quality: 'degraded' })] : [verdict],
);

/** How often each outcome occurs, in the fixed order of outcomes. */
export function outcomeCounts(results: readonly RunResult[]) {
  return countInOrder(
    results.map((result) => result.outcome),
    OUTCOMES,
  );
}

/** `N runs: a expected, b unexpected, c inconclusive, d harness error`; always all four, for scripts that search it. */
export function outcomeSentence(results: readonly RunResult[]): string {
  const counts = new Map(outcomeCounts(results));
  const parts = OUTCOMES.map((outcome) => `${counts.get(outcome) ?? 0} ${outcome.replace('-', ' ')}`);
  return `${countOf(results.length, 'run')}: ${parts.join(', ')}`;
}

/** Groups runs by scenario, kernels and machine, sorted by name with numbers in numeric order (6.1 before 6.12). */
export function groupTrials(results: readonly RunResult[]): TrialGroup[] {
  const name = kernelNamer(results);
  const groups = new Map<string, RunResult[]>();
  for (const result of results) {
    const key = JSON.stringify([
      result.scenario,
      result.kernel,
      result.kernelSha256,
      result.captureKernel,
      result.captureKernelSha256,
      result.machine,
      result.variant,
    ]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [result]);
    else group.push(result);
  }
  const order = new Intl.Collator('en', { numeric: true });
  return [...groups.values()]
    .flatMap((group) => {
      const [result] = group;
      return result === undefined ? [] : [trialGroup(result, group, name)];
    })
    .sort(
      (a, b) =>
        order.compare(a.scenario, b.scenario) ||
        order.compare(a.kernel, b.kernel) ||
        order.compare(a.captureKernel ?? '', b.captureKernel ?? '') ||
        order.compare(a.machine ?? '', b.machine ?? ''),
    );
}

type KernelNamer = (label: string, sha256: string) => string;

function trialGroup(one: RunResult, results: readonly RunResult[], name: KernelNamer): TrialGroup {
  return {
    scenario: safeName(one.scenario),
    kernel: `${name(one.kernel, one.kernelSha256)}${one.variant === undefined ? '' : `, ${safeName(one.variant)}`}`,
    captureKernel:
      one.captureKernelSha256 === one.kernelSha256
        ? undefined
        : name(one.captureKernel, one.captureKernelSha256),
    machine: one.machine === undefined ? undefined : safeName(one.machine),
    results,
    verdicts: countInOrder(results.map(verdictName), VERDICT_NAMES),
    outcomes: outcomeCounts(results),
    medianMs: median(results.map((result) => result.durationMs)),
  };
}

/** Two builds of one source share a release string (patched variants do), so a label alone may be ambiguous. */
function kernelNamer(results: readonly RunResult[]): KernelNamer {
  const hashes = new Map<string, Set<string>>();
  for (const { kernel, kernelSha256, captureKernel, captureKernelSha256 } of results) {
    for (const [label, sha256] of [
      [kernel, kernelSha256],
      [captureKernel, captureKernelSha256],
    ] as const) {
      hashes.set(label, (hashes.get(label) ?? new Set()).add(sha256));
    }
  }
  return (label, sha256) =>
    (hashes.get(label)?.size ?? 0) > 1
      ? `${safeName(label)} [${safeName(sha256.slice(0, 8))}]`
      : safeName(label);
}
