import type { NightCell, NightControl, NightTally, NightVerdicts } from '../../model/night-verdict.js';
import { isCutOff, type RunResult } from '../../model/result.js';
import { VERDICTS } from '../../model/verdict.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { seenOf, tallyOf } from '../../stats/tally.js';
import { type CampaignTable, campaignTableOf, type CellState, type TableCell } from '../campaign-table.js';
import { sweptFor } from '../../sweep/swept-run.js';
import { groupTrials, type TrialGroup } from '../summary.js';
import { type Rate, rateOf } from './rate.js';
import type { PastRates } from './sparkline.js';
import { CONTROL_SHOWN, NIGHT_SHOWN, type Shown, STATE_SHOWN } from './tone.js';

/** A scenario on a kernel (and a machine). Texts are verbatim from files and runs. */
export interface MatrixCell {
  readonly scenario: string;
  readonly machine: string | undefined;
  /** Name of its column. */
  readonly column: string;
  readonly shown: Shown;
  /** Verdict names with counts, best first. */
  readonly verdicts: readonly (readonly [name: string, count: number])[];
  /** How often the capture failed; undefined where none was due, or nothing was judged. */
  readonly rate: Rate | undefined;
  /** What the campaign, or a healthy kernel, should have given; only where it did not. */
  readonly wanted: string | undefined;
  /** Why captures were degraded, and what their runs do not show. */
  readonly notes: readonly string[];
  /** The arguments of a campaign file. */
  readonly why: readonly string[];
  readonly results: readonly RunResult[];
  readonly history: PastRates | undefined;
}

export interface MatrixRow {
  readonly scenario: string;
  readonly machine: string | undefined;
  /** What the row is about; only of a campaign file. */
  readonly why: string | undefined;
  /** One for each column; undefined where nothing is to run. */
  readonly cells: readonly (MatrixCell | undefined)[];
}

/** Scenarios (and machines) down, kernels across. */
export interface Matrix {
  readonly columns: readonly string[];
  readonly rows: readonly MatrixRow[];
}

/** The input of {@link matrixOf}. */
export interface MatrixInput {
  readonly results: readonly RunResult[];
  /** All plans of the campaign, also those without a result. */
  readonly plans: readonly RunPlan[];
  readonly night?: NightVerdicts | undefined;
  readonly history?: readonly PastRates[] | undefined;
}

/**
 * Lays runs out as a matrix: by the cells of a campaign file where the plans have them, otherwise by the kernels that
 * ran. What a night says of a cell replaces what the outcomes say. Pure.
 */
export function matrixOf({ results, plans, night, history = [] }: MatrixInput): Matrix {
  const table = campaignTableOf(plans, results);
  const isDue = captureDue(plans);
  // A directed run is no sample of anything.
  const due: Due = (scenario) => sweptFor(scenario) === undefined && isDue(scenario);
  const matrix = table === undefined ? fromGroups(results, due) : fromTable(table, due);
  const judged = night === undefined ? matrix : withNight(matrix, night);
  return {
    ...judged,
    rows: judged.rows.map((row) => ({
      ...row,
      cells: row.cells.map((cell) =>
        cell === undefined ? undefined : { ...cell, history: historyOf(cell, history) },
      ),
    })),
  };
}

/** The column of each run that is in a cell. */
export function columnsOfRuns(matrix: Matrix): Map<RunResult, string> {
  return new Map(
    cellsOf(matrix).flatMap(({ column, results }) => results.map((result) => [result, column] as const)),
  );
}

/** All cells in reading order. */
export function cellsOf({ rows }: Matrix): MatrixCell[] {
  return rows.flatMap(({ cells }) => cells.filter((cell) => cell !== undefined));
}

type Due = (scenario: string) => boolean;

/** Whether a healthy kernel captures in a scenario: only there a capture can fail. */
function captureDue(plans: readonly RunPlan[]): Due {
  const without = new Set(
    plans.flatMap(({ scenario: { name, crashKernel, expect } }) =>
      crashKernel === 'absent' || !VERDICTS[expect.verdict].captureDue ? [name] : [],
    ),
  );
  return (scenario) => !without.has(scenario);
}

function fromTable(table: CampaignTable, due: Due): Matrix {
  const cellOf = (cell: TableCell, scenario: string, machine: string | undefined): MatrixCell => ({
    scenario,
    machine,
    column: cell.kernel,
    shown: STATE_SHOWN[cell.state],
    verdicts: cell.verdicts,
    rate: due(scenario) ? rateOfRuns(cell.results) : undefined,
    wanted: cell.state === 'unexpected' ? cell.expected : undefined,
    notes: notesOf(cell.results),
    why: [...cell.why, ...cell.voidOk.map((reason) => `void: ${reason}`)],
    results: cell.results,
    history: undefined,
  });
  return {
    columns: table.columns,
    rows: table.rows.map(({ scenario, machine, why, cells }) => ({
      scenario,
      machine,
      why,
      cells: cells.map((cell) => (cell === undefined ? undefined : cellOf(cell, scenario, machine))),
    })),
  };
}

function fromGroups(results: readonly RunResult[], due: Due): Matrix {
  const groups = groupTrials(results.filter((result) => !isCutOff(result)));
  const columns = [...new Set(groups.map(columnOf))].sort(BY_NUMBER.compare);
  const rows = new Map<string, TrialGroup[]>();
  for (const group of groups) {
    const key = JSON.stringify([group.scenario, group.machine]);
    rows.set(key, [...(rows.get(key) ?? []), group]);
  }
  return {
    columns,
    rows: [...rows.values()].flatMap((group): MatrixRow[] => {
      const [first] = group;
      if (first === undefined) return [];
      const { scenario, machine } = first;
      const cells = columns.map((column) => {
        const found = group.find((one) => columnOf(one) === column);
        return found === undefined ? undefined : groupCell(found, due(found.results[0]?.scenario ?? ''));
      });
      return [{ scenario, machine, why: undefined, cells }];
    }),
  };
}

const BY_NUMBER = new Intl.Collator('en', { numeric: true });

function columnOf({ kernel, captureKernel }: TrialGroup): string {
  return captureKernel === undefined ? kernel : `${kernel}, captured by ${captureKernel}`;
}

function groupCell(group: TrialGroup, due: boolean): MatrixCell {
  const { verdicts, results } = group;
  const state = stateOf(results);
  return {
    scenario: results[0]?.scenario ?? group.scenario,
    machine: results[0]?.machine,
    column: columnOf(group),
    shown: STATE_SHOWN[state],
    verdicts,
    rate: due ? rateOfRuns(results) : undefined,
    wanted:
      state === 'unexpected' ? results.find(({ outcome }) => outcome === 'unexpected')?.expected : undefined,
    notes: notesOf(results),
    why: [],
    results,
    history: undefined,
  };
}

/** The worst of its trials. */
function stateOf(results: readonly RunResult[]): CellState {
  const has = (outcome: RunResult['outcome']) => results.some((result) => result.outcome === outcome);
  if (has('unexpected')) return 'unexpected';
  if (has('harness-error')) return 'harness-error';
  return has('inconclusive') ? 'void' : 'as-expected';
}

/** Names that a note lists; the runs have them all. */
const NOTED = 3;

function notesOf(results: readonly RunResult[]): string[] {
  const listed = (word: string, names: readonly string[]) => {
    const all = [...new Set(names)].sort();
    const rest = all.length > NOTED ? ` and ${all.length - NOTED} more` : '';
    return all.length === 0 ? [] : [`${word} ${all.slice(0, NOTED).join(', ')}${rest}`];
  };
  return [
    ...listed(
      'by',
      results.flatMap(({ degradedBy }) => degradedBy),
    ),
    ...listed(
      'not judged:',
      results.flatMap(({ undecided = [] }) => undecided),
    ),
  ];
}

function rateOfRuns(results: readonly RunResult[]): Rate | undefined {
  return rateOf(seenOf(tallyOf(results.map(({ verdict }) => verdict))));
}

function historyOf(cell: MatrixCell, history: readonly PastRates[]): PastRates | undefined {
  return history.find(
    ({ scenario, kernel, machine }) =>
      scenario === cell.scenario && kernel === cell.column && machine === cell.machine,
  );
}

type NightKey = Pick<NightCell, 'scenario' | 'kernel' | 'machine'>;

/** Puts a night's words and counts on the cells; cells without a run here get a row of their own. */
function withNight({ columns, rows }: Matrix, { cells, controls }: NightVerdicts): Matrix {
  const keyOf = ({ scenario, kernel, machine }: NightKey) => JSON.stringify([scenario, kernel, machine]);
  const said = new Map<string, NightCell | NightControl>();
  for (const one of [...controls, ...cells]) said.set(keyOf(one), one);
  const allColumns = [...new Set([...columns, ...[...said.values()].map(({ kernel }) => kernel)])];
  const present = new Set<string>();
  const found = rows.map((row) => ({
    ...row,
    cells: allColumns.map((column, index) => {
      const key = keyOf({ scenario: row.scenario, kernel: column, machine: row.machine });
      const night = said.get(key);
      if (night !== undefined) present.add(key);
      const cell = row.cells[index];
      return night === undefined ? cell : nightCell(night, cell);
    }),
  }));
  const missing = [...said.entries()].flatMap(([key, night]) => (present.has(key) ? [] : [night]));
  const added = new Map<string, MatrixRow>();
  for (const night of missing) {
    const { scenario, machine, kernel } = night;
    const key = JSON.stringify([scenario, machine]);
    const before = added.get(key) ?? {
      scenario,
      machine,
      why: undefined,
      cells: allColumns.map(() => undefined),
    };
    const place = allColumns.indexOf(kernel);
    added.set(key, { ...before, cells: before.cells.with(place, nightCell(night, undefined)) });
  }
  return { columns: allColumns, rows: [...found, ...added.values()] };
}

function nightCell(night: NightCell | NightControl, cell: MatrixCell | undefined): MatrixCell {
  const { scenario, machine, kernel: column } = night;
  const control = 'held' in night;
  const rate = control ? undefined : nightRate(night.tally);
  return {
    ...{ scenario, machine, column },
    shown: control ? CONTROL_SHOWN[night.held ? 'held' : 'failed'] : NIGHT_SHOWN[night.word],
    verdicts: Object.entries(night.verdicts).filter(([, count]) => count > 0),
    rate,
    wanted: control && !night.held ? night.what : undefined,
    notes: cell?.notes ?? [],
    why: cell?.why ?? [],
    results: cell?.results ?? [],
    history: undefined,
  };
}

/** A night's rate as it counted it: reports never count again. */
export function nightRate({ captured, hung, other, rate, interval }: NightTally): Rate | undefined {
  if (rate === null || interval === null) return undefined;
  return { failures: hung + other, judged: captured + hung + other, rate, interval };
}
