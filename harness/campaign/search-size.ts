import {
  mostRuns,
  nextSize,
  type SizeDecision,
  type SizeRange,
  type SizeRuns,
} from '../bisection/smallest-size.js';
import { isCutOff, type RunResult } from '../model/result.js';
import { keyOf, valueOf, wordsOf } from '../plan/command-line.js';
import { labelInName, renamedPlan, reservingPlan } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';
import { readRuns } from '../store/campaign-directory.js';
import { type CampaignOptions, runCampaign } from './run-campaign.js';

/** Options of {@link searchSize}. */
export interface SizeSearchOptions extends CampaignOptions {
  readonly freshNonce: () => string;
}

/** How a search ended. */
export interface SizeSearch {
  /** Of each size that was tried, smallest first. */
  readonly tried: readonly SizeRuns[];
  /** `stopped`: by the signal. */
  readonly end: Exclude<SizeDecision, { kind: 'try' }> | { readonly kind: 'stopped' };
  readonly results: readonly RunResult[];
}

/**
 * Searches the smallest `crashkernel=` with which the guest of `template` is captured each time: one run decides the size
 * of the next. Runs that the campaign's directory has already are not repeated. Throws what {@link runCampaign} throws.
 */
export async function searchSize(
  directory: string,
  { template, range }: { readonly template: RunPlan; readonly range: SizeRange },
  options: SizeSearchOptions,
): Promise<SizeSearch> {
  const results = new Map<string, { readonly mib: number; readonly result: RunResult }>();
  const taken = new Set<string>();
  for (const { runId, plan, result } of await readRuns(directory)) {
    taken.add(runId);
    const mib = plan === undefined ? undefined : reservedMib(plan);
    if (result !== undefined && mib !== undefined) results.set(runId, { mib, result });
  }
  // A kernel on which every run is undecided ends it as well; this bounds a search that contradicts itself for ever.
  const most = 10 * mostRuns(range);
  for (;;) {
    const tried = sizesOf([...results.values()]);
    const decision = nextSize(tried, range);
    const all = [...results.values()].map(({ result }) => result);
    if (options.signal?.aborted === true) return { tried, end: { kind: 'stopped' }, results: all };
    if (decision.kind !== 'try') return { tried, end: decision, results: all };
    const { mib } = decision;
    if (all.length >= most) return { tried, end: { kind: 'undecided', mib }, results: all };
    const runId = freeName(mib, { template, taken });
    taken.add(runId);
    const trial = 1 + all.filter((result) => results.get(result.runId)?.mib === mib).length;
    const renamed = renamedPlan({ ...template, trial }, { runId, nonce: options.freshNonce() });
    const plan = reservingPlan(renamed, mib);
    for (const result of await runCampaign(directory, [plan], options))
      results.set(result.runId, { mib, result });
  }
}

/** What runs came to, by size. A run that was cut off does not count. */
export function sizesOf(
  runs: readonly { readonly mib: number; readonly result: Pick<RunResult, 'verdict' | 'detail'> }[],
): SizeRuns[] {
  const sizes = new Map<number, SizeRuns>();
  for (const { mib, result } of runs) {
    if (isCutOff(result)) continue;
    const before = sizes.get(mib) ?? { mib, captured: 0, failed: [], undecided: [] };
    sizes.set(mib, added(before, result));
  }
  return [...sizes.values()].toSorted((one, other) => one.mib - other.mib);
}

/** Verdicts of a capture kernel that was entered, and did not save the memory. */
const TOO_SMALL = ['capture-panic', 'capture-hang', 'capture-reset', 'capture-no-vmcore'];
/** The kernel reserved nothing, or did not take what was to be loaded. */
const NOT_LOADED = ['crashkernel-not-reserved', 'kexec-load-failed'];

function added(size: SizeRuns, { verdict, detail }: Pick<RunResult, 'verdict' | 'detail'>): SizeRuns {
  if (verdict === 'captured') return { ...size, captured: size.captured + 1 };
  const words = `${verdict}/${detail}`;
  const isShown = TOO_SMALL.includes(verdict) || (verdict === 'void' && NOT_LOADED.includes(detail));
  return isShown
    ? { ...size, failed: [...size.failed, words] }
    : { ...size, undecided: [...size.undecided, words] };
}

/** The size of a plain `crashkernel=`, in MiB; undefined for any other form, and without one. */
export function reservedMib({ append }: RunPlan): number | undefined {
  const word = wordsOf(append).find((one) => keyOf(one) === 'crashkernel');
  const size = /^(\d{1,6})M$/.exec(word === undefined ? '' : (valueOf(word) ?? ''));
  return size === null ? undefined : Number(size[1]);
}

/** Sorts by size. */
function freeName(
  mib: number,
  { template, taken }: { readonly template: RunPlan; readonly taken: ReadonlySet<string> },
): string {
  const label = labelInName(template.kernel.label);
  for (let number = 1; ; number += 1) {
    const name = `${String(mib).padStart(4, '0')}M-${number}-${template.scenario.name}-${label}`;
    if (!taken.has(name)) return name;
  }
}
