import type { PageSubject } from '../../campaign/write-page.js';
import { isCutOff, type RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { PastRates } from '../../report/page/sparkline.js';
import { comparisonObject } from '../../stats/comparison-json.js';
import { compareTrials, type Trial } from '../../stats/comparison.js';
import { madeMaps } from './made-sweep.js';
import { madeNight } from './made-night.js';
import type { Recording } from './recordings.js';

const COMMON = { crashpathVersion: '0.1.0', plans: [] } as const;
/** What makes a scenario one in which a healthy kernel captures. */
const CAPTURES = { crashKernel: 'loaded', expect: { verdict: 'captured' } } as const;
const SCENARIOS = ['sysrq-task', 'serial-break', 'irqs-off', 'timer', 'softirq', 'nic-traffic', 'nic-storm'];
const KERNELS = ['stock', 'debian-6.1', 'debian-6.12', 'zickus', 'no-zap'];
const MACHINES = [undefined, 'q35', 'ivy-bridge'];

/** The pages that are looked at, by name: what a person may meet, and the extremes. */
export function madePages(
  recordings: ReadonlyMap<string, Recording>,
  { hostile, many }: { hostile: Recording; many: number },
): Map<string, PageSubject> {
  const all = [...recordings.values()];
  const named = (name: string) => recordings.get(name) ?? hostile;
  const hung = named('crash-path-hang-ioapic-lock');
  return new Map<string, PageSubject>([
    ['one', { ...COMMON, title: '20261127-101500-ab12', results: [named('captured-6.1').result] }],
    ['one-hang', { ...COMMON, title: '20261127-101500-cd34', results: [hung.result] }],
    ['empty', { ...COMMON, title: 'nothing', results: [] }],
    ['all-kinds', { ...COMMON, title: 'all-kinds', results: all.map(({ result }) => result) }],
    ['hostile', { ...COMMON, title: hostile.result.runId, results: [hostile.result, hung.result] }],
    ['regression', { ...COMMON, ...night(recordings, { blind: false, regressed: true }) }],
    ['quiet-night', { ...COMMON, ...night(recordings, { blind: false, regressed: false }) }],
    ['blind', { ...COMMON, ...night(recordings, { blind: true, regressed: true }) }],
    ['compare', { ...COMMON, title: 'compare-zickus', ...compared(recordings) }],
    ['sweep', { ...COMMON, title: 'sweep-nmi', sweep: madeMaps(), results: swept(recordings) }],
    ['many', { ...COMMON, title: '20261127-013000', ...campaign(recordings, many), history: histories() }],
  ]);
}

/** A run like a recorded one, under another name. */
function run(
  { plan, result }: Recording,
  names: { scenario: string; kernel: string; machine?: string | undefined; trial: number },
): { plan: RunPlan; result: RunResult } {
  const { scenario, kernel, machine, trial } = names;
  const runId = [String(trial).padStart(3, '0'), scenario, machine, kernel].filter(Boolean).join('-');
  const cell = { kernel, machine, expect: { verdict: 'captured' as const } };
  const sha256 = kernel.length.toString(16).repeat(64).slice(0, 64);
  return {
    plan: { ...plan, runId, trial, cell, scenario: { ...plan.scenario, ...CAPTURES, name: scenario } },
    result: {
      ...result,
      ...{ runId, scenario, kernel, machine, trial, cell: { kernel, machine }, expected: 'captured' },
      ...{ captureKernel: kernel, kernelSha256: sha256, captureKernelSha256: sha256 },
    },
  };
}

/** `most` runs in cells of a campaign file: most are captured, `no-zap` hangs in some scenarios. */
function campaign(recordings: ReadonlyMap<string, Recording>, most: number) {
  const good = [...recordings.entries()].flatMap(([name, one]) =>
    name.startsWith('captured-') && one.result.outcome === 'expected' ? [one] : [],
  );
  const bad = [...recordings.values()].filter(
    ({ result }) => result.outcome !== 'expected' && !isCutOff(result),
  );
  const runs: { plan: RunPlan; result: RunResult }[] = [];
  const cells = SCENARIOS.flatMap((scenario) =>
    KERNELS.flatMap((kernel) => MACHINES.map((machine) => ({ scenario, kernel, machine }))),
  );
  for (let index = 0; index < most; index++) {
    const names = cells[index % cells.length];
    if (names === undefined) break;
    const fails = names.kernel === 'no-zap' ? index % 3 === 0 : index % 97 === 0;
    const like = fails ? bad[index % bad.length] : good[index % good.length];
    if (like !== undefined) runs.push(run(like, { ...names, trial: Math.floor(index / cells.length) + 1 }));
  }
  return { plans: runs.map(({ plan }) => plan), results: runs.map(({ result }) => result) };
}

function histories(): PastRates[] {
  return SCENARIOS.flatMap((scenario, place) =>
    KERNELS.map((kernel, column) => ({
      ...{ scenario, kernel },
      points: Array.from({ length: 12 }, (_, night) => ({
        name: `2026-11-${String(15 + night).padStart(2, '0')}T013000Z`,
        when: `2026-11-${String(15 + night).padStart(2, '0')}T01:30:00.000Z`,
        kernel: `7.2.0-rc${Math.floor(night / 4)}`,
        failures: kernel === 'no-zap' && night > 8 ? 7 : (place + column + night) % 11 === 0 ? 1 : 0,
        trials: night === 5 ? 0 : 20,
      })),
    })),
  );
}

function night(recordings: ReadonlyMap<string, Recording>, kind: { blind: boolean; regressed: boolean }) {
  const [good, hung, empty] = ['captured-6.1', 'crash-path-hang-ioapic-lock', 'void-not-proved'].map((name) =>
    recordings.get(name),
  );
  const verdicts = madeNight(kind);
  const results = verdicts.cells.flatMap(({ scenario, tally, word }) =>
    Array.from({ length: 20 }, (_, index) => {
      const like = word === 'cannot-tell' ? empty : index < tally.hung ? hung : good;
      return like === undefined ? [] : [run(like, { scenario, kernel: 'nightly', trial: index + 1 })];
    }).flat(),
  );
  const history = verdicts.cells.map(({ scenario, tally }) => ({
    ...{ scenario, kernel: 'nightly' },
    points: Array.from({ length: 9 }, (_, index) => ({
      name: `2026-11-${18 + index}T013000Z`,
      when: `2026-11-${18 + index}T01:30:00.000Z`,
      kernel: `7.2.0-rc${index < 4 ? 2 : 3}`,
      failures: index === 8 ? tally.hung : 0,
      trials: 20,
    })),
  }));
  return {
    title: verdicts.night,
    night: verdicts,
    plans: results.map(({ plan }) => plan),
    results: results.map(({ result }) => result),
    history,
  };
}

function compared(recordings: ReadonlyMap<string, Recording>) {
  const [good, hung] = ['captured-6.1', 'crash-path-hang-ioapic-lock'].map((name) => recordings.get(name));
  const scenarios = ['ioapic-lock-held', 'sysrq-task'];
  const kernels = ['no-zap', 'zickus', 'stock'] as const;
  const runs: RunResult[] = [];
  const trials: Trial[] = [];
  for (const scenario of scenarios) {
    for (const [kernel, name] of kernels.entries()) {
      for (let round = 1; round <= 20; round++) {
        const fails = scenario === 'ioapic-lock-held' && (kernel === 0 || (kernel === 1 && round % 6 === 0));
        const like = fails ? hung : good;
        if (like === undefined) continue;
        const { result } = run(like, { scenario, kernel: name, trial: round });
        runs.push(result);
        trials.push({ scenario, kernel, round, verdict: result.verdict });
      }
    }
  }
  const comparison = comparisonObject(compareTrials(trials, { scenarios, kernels, looks: [20] }));
  return { results: runs, comparison };
}

function swept(recordings: ReadonlyMap<string, Recording>): RunResult[] {
  const like = recordings.get('crash-path-reset-nmi');
  if (like === undefined) return [];
  return [0, 64, 372, 373, 454, 645].map((index) => ({ ...like.result, runId: `p${index}` }));
}
