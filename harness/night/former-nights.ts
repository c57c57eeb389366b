import type { NightCell, NightTally, NightVerdicts } from '../model/night-verdict.js';
import type { NightRecord, PlannedCell, RecordedKernel } from './night-record.js';

/** A night that has ended. */
export interface FormerNight {
  readonly record: NightRecord;
  readonly verdicts: NightVerdicts;
}

/** A cell over nights: the kernel is that of its source. */
export interface CellName {
  readonly scenario: string;
  readonly machine: string | undefined;
  readonly source: string;
}

/** A cell of a former night. */
export interface FormerCell {
  readonly night: string;
  readonly cell: NightCell;
  readonly kernel: RecordedKernel;
  /** It could not be compared, because its baseline was gone. */
  readonly baselineLost: boolean;
}

/** Counts of a former night, by the key of an arm. */
export interface KnownArm {
  readonly night: string;
  readonly tally: NightTally;
}

/** The nights of one name that saw, newest first. */
export function seeing(nights: readonly FormerNight[], name: string): FormerNight[] {
  return nights
    .filter(({ record, verdicts }) => record.name === name && !verdicts.blind)
    .toSorted((a, b) => (a.record.night < b.record.night ? 1 : -1));
}

/**
 * What former nights have run already: an arm whose screening was complete, with the counts of the newest night. A
 * blind night has run nothing that counts, nor has a run that ended in a harness error; a candidate about which a
 * suspicion was left open is to be run again.
 */
export function knownArms(nights: readonly FormerNight[]): ReadonlyMap<string, KnownArm> {
  const known = new Map<string, KnownArm>();
  const add = (key: string | undefined, one: KnownArm, least: number) => {
    const { trials, harnessErrors } = one.tally;
    if (key !== undefined && !known.has(key) && trials - harnessErrors >= least) known.set(key, one);
  };
  for (const { record, verdicts } of nights) {
    if (verdicts.blind) continue;
    const { night, repeat } = record;
    const keys = new Map(record.arms.map(({ id, key }) => [id, key]));
    for (const planned of record.cells) {
      const cell = cellOf(verdicts, planned);
      if (cell === undefined) continue;
      if (cell.word !== 'suspect') add(keys.get(planned.arm), { night, tally: cell.tally }, repeat);
      for (const { kind, baseline } of planned.comparisons) {
        const counted = cell.baselines.find((one) => one.kind === kind && one.night === undefined);
        if (counted !== undefined) add(keys.get(baseline), { night, tally: counted.tally }, repeat);
      }
    }
  }
  return known;
}

/** All nights of the cell, newest first; `nights` as {@link seeing} returns them. */
export function cellOverNights(nights: readonly FormerNight[], name: CellName): FormerCell[] {
  return nights.flatMap(({ record, verdicts }) =>
    record.cells
      .filter(
        ({ scenario, machine, source }) =>
          scenario === name.scenario && machine === name.machine && source === name.source,
      )
      .flatMap((planned) => {
        const cell = cellOf(verdicts, planned);
        const kernel = record.kernels.find((one) => one.name === planned.kernel);
        return cell === undefined || kernel === undefined
          ? []
          : [{ night: record.night, cell, kernel, baselineLost: planned.baselineLost === true }];
      }),
  );
}

function cellOf(verdicts: NightVerdicts, planned: PlannedCell): NightCell | undefined {
  return verdicts.cells.find(
    ({ scenario, kernel, machine }) =>
      scenario === planned.scenario && kernel === planned.kernel && machine === planned.machine,
  );
}

/**
 * The newest cell that can be a baseline, of another kernel than the candidate's. Good are `unchanged` and `fixed`, and
 * a first night, which had nothing to be compared with: it begins the record, whatever its rate. A cell whose baseline was
 * gone begins it anew only when nothing failed: else what has regressed meanwhile would be good.
 */
export function lastGood(cells: readonly FormerCell[], candidateSha256: string): FormerCell | undefined {
  return cells.find(
    ({ cell, kernel, baselineLost }) =>
      kernel.sha256 !== candidateSha256 &&
      cell.tally.rate !== null &&
      (cell.word === 'unchanged' ||
        cell.word === 'fixed' ||
        (cell.word === 'cannot-tell' &&
          cell.baselines.length === 0 &&
          (!baselineLost || cell.tally.rate === 0))),
  );
}

/**
 * The regression that stands: the newest night that decided found the cell regressed. `since` is the first of such
 * nights in a row; nights that decided nothing do not end it.
 */
export function standingRegression(
  cells: readonly FormerCell[],
): { last: FormerCell; since: string } | undefined {
  const decided = cells.filter(({ cell }) => ['regressed', 'fixed', 'unchanged'].includes(cell.word));
  const [last] = decided;
  if (last?.cell.word !== 'regressed') return undefined;
  const end = decided.findIndex(({ cell }) => cell.word !== 'regressed');
  const row = end < 0 ? decided : decided.slice(0, end);
  return { last, since: row.at(-1)?.night ?? last.night };
}
