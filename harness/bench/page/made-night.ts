import type { NightCell, NightTally, NightVerdicts, NightWord } from '../../model/night-verdict.js';
import { rateInterval } from '../../stats/binomial.js';

const KERNEL = {
  name: 'nightly',
  spec: '/builds/1234/bzImage',
  release: '7.2.0-rc3+',
  sha256: 'ab'.repeat(32),
};
const PINNED = { name: 'stock', spec: 'stock', release: '6.1.192', sha256: 'cd'.repeat(32) };

/** A night's verdicts: one regression, one suspicion, one fix; blind when asked for. */
export function madeNight({ blind, regressed }: { blind: boolean; regressed: boolean }): NightVerdicts {
  const words: readonly (readonly [string, NightWord, number])[] = [
    ['ioapic-lock-held', regressed ? 'regressed' : 'unchanged', regressed ? 20 : 0],
    ['sysrq-task', 'unchanged', 0],
    ['nic-traffic', regressed ? 'suspect' : 'unchanged', regressed ? 2 : 0],
    ['serial-break', 'cannot-tell', 0],
    ['nmi-transition', 'fixed', 0],
    ['timer', 'unchanged', 0],
  ];
  return {
    ...{ schema: 1, kind: 'night', night: '2026-11-27T013000Z', outOfBudget: true, blind },
    ...{ startedAt: '2026-11-27T01:30:00.000Z', endedAt: '2026-11-27T05:12:44.000Z' },
    blindBecause: blind
      ? ['the seeded bug did not hang: sysrq-task on seeded was captured in 3 of 3 runs']
      : [],
    kernels: [KERNEL],
    controls: [
      {
        ...control('sysrq-task', 'seeded', 'must hang'),
        held: !blind,
        why: blind ? 'captured 3 of 3' : 'hung 3 of 3',
      },
      { ...control('sysrq-task', 'stock', 'must capture'), held: true, why: 'captured 3 of 3' },
      { ...control('no-trigger', 'stock', 'must not crash'), held: true, why: 'still answers, 1 of 1' },
    ],
    cells: words.map(([scenario, word, failures]) => cell(scenario, word, failures)),
    faults: ['source "landing": build 1235 vanished while it was copied'],
  };
}

function control(scenario: string, kernel: string, what: string) {
  const verdicts = { captured: 3 };
  return { scenario, kernel, what, verdicts, reproduce: `crashpath run ${scenario} -k ${kernel}`, runs: [] };
}

function cell(scenario: string, word: NightWord, failures: number): NightCell {
  const before = word === 'fixed' ? tally(18) : tally(0);
  const differs = word === 'regressed' || word === 'fixed';
  return {
    ...{ scenario, kernel: 'nightly', word },
    why:
      word === 'regressed'
        ? 'every trial hung in the crash path, and none of the last good night did'
        : word === 'cannot-tell'
          ? 'no trial could be judged: the state was not proved'
          : 'its rate is that of its baselines, as far as so many trials show',
    tally:
      word === 'cannot-tell'
        ? { ...tally(0), captured: 0, void: 20, rate: null, interval: null }
        : tally(failures),
    verdicts: failures > 0 ? { captured: 20 - failures, 'crash-path-hang': failures } : { captured: 20 },
    pValue: differs ? 0.000_012 : 1,
    baselines: [
      { ...baseline('last-good', before), night: '2026-11-26T013000Z', pValue: differs ? 0.000_012 : 1 },
      { ...baseline('pinned', tally(0)), pValue: word === 'regressed' ? 0.000_4 : 1 },
    ],
    reproduce: `crashpath run ${scenario} --kernel /builds/1234/bzImage --machine-profile q35 --accel kvm --repeat 20`,
    runs: [],
  };
}

function baseline(kind: 'pinned' | 'last-good', counts: NightTally) {
  return { kind, kernel: PINNED, tally: counts, conclusion: 'kernel regresses' };
}

function tally(hung: number): NightTally {
  const interval = rateInterval(hung, 20) ?? null;
  return {
    trials: 20,
    captured: 20 - hung,
    hung,
    other: 0,
    void: 0,
    harnessErrors: 0,
    rate: hung / 20,
    interval,
  };
}
