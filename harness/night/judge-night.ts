import type { NightBaseline, NightCell, NightKernel, NightTally, NightWord } from '../model/night-verdict.js';
import { NIGHT_WORDS } from '../model/night-verdict.js';
import type { RunResult } from '../model/result.js';
import { countInOrder, verdictName } from '../report/words.js';
import { VERDICT_NAMES } from '../report/summary.js';
import { rateInterval } from '../stats/binomial.js';
import { missedWithoutFailures, percent } from '../stats/conclusion.js';
import { SIGNIFICANCE } from '../stats/corrections.js';
import type { Seen } from '../stats/fisher.js';
import { seenOf, type Tally, tallyOf } from '../stats/tally.js';
import { correctedP, type Compared, type Suspicion, suspicions } from './confirm.js';
import type { ComparisonKind, PlannedCell } from './night-record.js';

/** What counts of a run. */
export type Counted = Pick<RunResult, 'verdict' | 'quality' | 'outcome' | 'voidOk'>;

/** Runs of an arm this night, in the order of their trials. */
export interface ArmRuns {
  readonly kernel: NightKernel;
  readonly screening: readonly Counted[];
  readonly confirming: readonly Counted[];
  /** Counts of a former night that stand for the screening. */
  readonly recorded?: (Tally & { readonly night: string }) | undefined;
  /** Directories of the runs, below the night's. */
  readonly runs: readonly string[];
  readonly reproduce: string;
}

/** Everything that a night is judged by. */
export interface NightSeen {
  readonly cells: readonly PlannedCell[];
  readonly armOf: (id: string) => ArmRuns;
  /** Most confirming trials of each kernel. */
  readonly confirm: number;
  readonly blind: boolean;
}

/** A cell with what its outcome means for the exit code. */
export interface JudgedCell {
  readonly cell: NightCell;
  /** It had nothing to be compared with, and is judged by the scenario's expectation. */
  readonly first: boolean;
  /** No judged trial was against the scenario's expectation. */
  readonly asExpected: boolean;
}

/** The comparisons of a night, as they are confirmed. Pure. */
export function comparedOf({ cells, armOf }: Pick<NightSeen, 'cells' | 'armOf'>): Compared[] {
  return cells.flatMap(({ comparisons }) =>
    comparisons.map(({ id, kind, candidate, baseline }): Compared => {
      const [one, other] = [armOf(candidate), armOf(baseline)];
      return {
        id,
        screening: { candidate: screeningSeen(one), baseline: screeningSeen(other) },
        confirming: {
          candidate: one.confirming.map(({ verdict }) => verdict),
          baseline: other.confirming.map(({ verdict }) => verdict),
        },
        asked: ASKED[kind],
      };
    }),
  );
}

/** Compared with the kernel that regressed, only less failures mean something. */
const ASKED: Readonly<Record<ComparisonKind, Compared['asked']>> = {
  pinned: ['worse', 'better'],
  'last-good': ['worse', 'better'],
  regressed: ['better'],
};

function screeningSeen({ screening, recorded }: ArmRuns): Seen {
  return seenOf(recorded ?? tallyOf(screening.map(({ verdict }) => verdict)));
}

/** What the night says of each cell, worst first. Pure. */
export function judgeNight(seen: NightSeen): JudgedCell[] {
  const open = suspicions(comparedOf(seen), seen.confirm);
  const corrected = correctedP(open);
  return seen.cells
    .map((planned) => judgeCell(planned, { seen, open, corrected }))
    .sort((a, b) => NIGHT_WORDS.indexOf(a.cell.word) - NIGHT_WORDS.indexOf(b.cell.word));
}

interface Judging {
  readonly seen: NightSeen;
  readonly open: readonly Suspicion[];
  readonly corrected: ReadonlyMap<string, number>;
}

/** A comparison with its result. */
interface Against {
  readonly kind: ComparisonKind;
  readonly night: string | undefined;
  readonly arm: ArmRuns;
  /** What was counted of the baseline: this night's trials, or, when there are none, the recorded ones. */
  readonly tally: Tally;
  readonly fresh: boolean;
  readonly suspicion: Suspicion | undefined;
  readonly p: number | null;
  readonly shown: boolean;
}

function judgeCell(planned: PlannedCell, judging: Judging): JudgedCell {
  const { seen } = judging;
  const arm = seen.armOf(planned.arm);
  const all = [...arm.screening, ...arm.confirming];
  const tally = tallyOf(all.map(({ verdict }) => verdict));
  const against = planned.comparisons.map((comparison) => againstOf(comparison, { judging, tally }));
  const baselines = against.filter(({ kind }) => kind !== 'regressed');
  const { word, why } = seen.blind
    ? { word: 'cannot-tell' as const, why: 'the night is blind: a control failed' }
    : wordOf({ tally, against, planned, all });
  const pValues = against.flatMap(({ p }) => (p === null ? [] : [p]));
  return {
    first: baselines.length === 0,
    asExpected: all.every(({ outcome }) => outcome !== 'unexpected'),
    cell: {
      scenario: planned.scenario,
      kernel: planned.kernel,
      ...(planned.machine === undefined ? {} : { machine: planned.machine }),
      word,
      why,
      tally: nightTally(tally),
      verdicts: Object.fromEntries(countInOrder(all.map(verdictName), VERDICT_NAMES)),
      pValue: pValues.length === 0 ? null : Math.min(...pValues),
      baselines: baselines.map((one) => baselineOf(one, tally)),
      reproduce: arm.reproduce,
      runs: [...arm.runs],
    },
  };
}

function againstOf(
  { id, kind, baseline, night }: PlannedCell['comparisons'][number],
  { judging, tally: own }: { judging: Judging; tally: Tally },
): Against {
  const arm = judging.seen.armOf(baseline);
  const tonight = tallyOf([...arm.screening, ...arm.confirming].map(({ verdict }) => verdict));
  const fresh = tonight.trials > 0 || arm.recorded === undefined;
  const tally = fresh || arm.recorded === undefined ? tonight : arm.recorded;
  const suspicion = judging.open.find((one) => one.id === id);
  const judged = seenOf(own).judged > 0 && seenOf(tally).judged > 0;
  const p = judged ? (judging.corrected.get(id) ?? 1) : null;
  const shown = p !== null && p <= SIGNIFICANCE;
  return { kind, night, arm, tally, fresh, suspicion, p, shown };
}

function wordOf({
  tally,
  against,
  planned,
  all,
}: {
  tally: Tally;
  against: readonly Against[];
  planned: PlannedCell;
  all: readonly Counted[];
}): { word: NightWord; why: string } {
  const own = seenOf(tally);
  const since = planned.regressedSince;
  if (own.judged === 0) {
    const ended =
      tally.trials === 0 ? 'none of its runs has ended' : `${notJudged(tally)}; no trial could be judged`;
    return { word: 'cannot-tell', why: ended };
  }
  const is = (direction: Suspicion['direction'], shown: boolean) => (one: Against) =>
    one.suspicion?.direction === direction && one.shown === shown;
  const worse = against.find(is('worse', true));
  if (worse !== undefined) {
    const known = since === undefined ? '' : `known since night ${since}: `;
    return { word: 'regressed', why: `${known}${comparedText(worse)}` };
  }
  const open = against.find((one) => is('worse', false)(one) && one.suspicion?.ended === undefined);
  if (open !== undefined) {
    return { word: 'suspect', why: `${screenedText(own, open)}; ${whyOpen(open)}` };
  }
  const better = against.filter(is('better', true));
  const fixes = better.find(({ kind }) => kind === 'regressed');
  if (since !== undefined && fixes !== undefined) {
    return { word: 'fixed', why: `regressed since night ${since}, and no longer: ${comparedText(fixes)}` };
  }
  if (since !== undefined) {
    return {
      word: 'suspect',
      why: `regressed since night ${since}, and not shown to be fixed: ${ratio(own)} failed`,
    };
  }
  const [less] = better;
  if (less !== undefined) return { word: 'fixed', why: comparedText(less) };
  if (against.length === 0) {
    const unexpected = all.filter(({ outcome }) => outcome === 'unexpected').length;
    const expectation =
      unexpected === 0
        ? `all ${own.judged} judged trials were as the scenario expects`
        : `${unexpected} of ${own.judged} judged trials were not as the scenario expects`;
    const none = planned.baselineLost ? 'its baseline is no longer there' : 'no baseline yet';
    return { word: 'cannot-tell', why: `${none}; ${expectation}` };
  }
  const blank = against.find(({ p }) => p === null);
  if (blank !== undefined && against.every(({ p }) => p === null)) {
    return { word: 'cannot-tell', why: `${nameOf(blank)} has no judged trial` };
  }
  const n = Math.min(own.judged, ...against.map((one) => seenOf(one.tally).judged || own.judged));
  const missed = own.failures === 0 ? `; ${missedWithoutFailures(n)}` : '';
  return { word: 'unchanged', why: `${ratio(own)} failed, no difference shown${missed}` };
}

function whyOpen({ suspicion, arm, fresh }: Against): string {
  if (suspicion === undefined) return 'it was not confirmed';
  if (suspicion.looked > 0) return `after ${suspicion.looked} confirming trials of each it is not decided`;
  return fresh || arm.confirming.length > 0
    ? 'there was no time to confirm it'
    : 'it was not confirmed: there was no time, or that kernel is no longer there';
}

/** The screening in words: it was not tested. */
function screenedText(own: Seen, one: Against): string {
  return `${ratio(own)} failed, ${ratio(seenOf(one.tally))} of ${nameOf(one)}`;
}

/** A result of confirming trials, which alone were tested. */
function comparedText(one: Against): string {
  const { suspicion, p } = one;
  if (suspicion === undefined) return `no difference from ${nameOf(one)} was shown`;
  const { candidate, baseline } = suspicion.seen;
  return `${ratio(candidate)} confirming trials failed, ${ratio(baseline)} of ${nameOf(one)} (p = ${pText(p ?? 1)})`;
}

function nameOf({ kind, night, arm }: Against): string {
  const { release } = arm.kernel;
  if (kind === 'pinned') return `the baseline ${release}`;
  return kind === 'last-good'
    ? `${release}, good in night ${night ?? '?'}`
    : `${release}, regressed in night ${night ?? '?'}`;
}

function baselineOf(one: Against, own: Tally): NightBaseline {
  const { kind, arm, tally, fresh, suspicion, p, shown } = one;
  const direction = suspicion?.direction === 'worse' ? 'more' : 'less';
  const conclusion =
    p === null
      ? 'nothing can be concluded; one of the two has no judged trial'
      : shown
        ? `the candidate fails ${direction} often: ${comparedText(one)}`
        : suspicion === undefined || suspicion.ended !== undefined
          ? `no difference shown; ${ratio(seenOf(own))} failed, ${ratio(seenOf(tally))} of the baseline`
          : `not decided: ${screenedText(seenOf(own), one)}`;
  return {
    kind: kind === 'pinned' ? 'pinned' : 'last-good',
    kernel: arm.kernel,
    ...(fresh ? {} : recordedNight(arm)),
    tally: nightTally(tally),
    pValue: p,
    conclusion,
  };
}

function recordedNight({ recorded }: ArmRuns): { night?: string } {
  return recorded === undefined ? {} : { night: recorded.night };
}

function notJudged(tally: Tally): string {
  const parts = [
    ...(tally.void === 0 ? [] : [`${tally.void} void`]),
    ...(tally.harnessErrors === 0 ? [] : [`${tally.harnessErrors} harness errors`]),
  ];
  return parts.join(', ');
}

/** Counts with rate and interval. Pure. */
export function nightTally(tally: Tally): NightTally {
  const { failures, judged } = seenOf(tally);
  const { trials, captured, hung, other, void: voids, harnessErrors } = tally;
  return {
    ...{ trials, captured, hung, other, void: voids, harnessErrors },
    rate: judged === 0 ? null : failures / judged,
    interval: rateInterval(failures, judged) ?? null,
  };
}

function ratio({ failures, judged }: Seen): string {
  return `${failures} of ${judged}`;
}

/** A p value with two significant digits. */
export function pText(p: number): string {
  return p >= 0.001 || p === 0 ? String(Number(p.toPrecision(2))) : p.toExponential(1);
}

/** `40 % (12 % to 77 %)`; `-` when nothing was judged. */
export function rateText({ rate, interval }: Pick<NightTally, 'rate' | 'interval'>): string {
  if (rate === null || interval === null) return '-';
  return `${percent(rate)} (${percent(interval[0])} to ${percent(interval[1])})`;
}
