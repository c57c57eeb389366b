import type { CellEntry } from './campaign-file.js';
import type { Cell } from '../model/cell.js';
import { alternativesOf, type Expectation } from '../model/expectation.js';
import { usageFault } from '../model/fault.js';
import { VERDICTS } from '../model/verdict.js';
import type { LoadSyscall } from './guest-defaults.js';
import type { Scenario } from './scenario.js';
import type { CampaignRead, CampaignRowRead } from './read-campaign.js';

/** One cell of the table: its trials differ only in their numbers. */
export interface CampaignCell {
  readonly scenario: Scenario;
  readonly spec: string;
  readonly captureSpec: string | undefined;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
  readonly captureCmdline: string | undefined;
  readonly loadSyscall: LoadSyscall | undefined;
  readonly repeat: number;
  readonly cell: Cell;
}

/** The part of a campaign file that the command line selects, and how often each cell runs. */
export interface CampaignChoices {
  /** Only these rows, by the names that the file gives them; empty: all. */
  readonly scenarios: readonly string[];
  /** Only these columns; empty: all. */
  readonly kernels: readonly string[];
  /** Factor for the number of runs of each cell. */
  readonly scale: number;
}

/**
 * The selected rows and columns of the file. Throws a usage fault for a name that the file does not have, and when
 * nothing is left. Pure.
 */
export function narrowed(
  campaign: CampaignRead,
  { scenarios, kernels, scale }: CampaignChoices,
): CampaignRead {
  requireAll(
    scenarios,
    campaign.rows.map(({ name }) => name),
    { what: 'scenario', name: campaign.name },
  );
  requireAll(kernels, [...campaign.kernels.keys()], { what: 'kernel', name: campaign.name });
  const rows = campaign.rows
    .filter(({ name }) => scenarios.length === 0 || scenarios.includes(name))
    .map((row) => ({
      ...row,
      repeat: row.repeat * scale,
      kernels: row.kernels.filter((name) => kernels.length === 0 || kernels.includes(name)),
    }))
    .filter((row) => row.kernels.length > 0);
  if (rows.length === 0) {
    throw usageFault(
      `cannot run campaign "${campaign.name}": none of its rows runs ${kernels.join(' or ')} for ${scenarios.join(' or ')}; choose others`,
    );
  }
  return { ...campaign, rows };
}

function requireAll(
  asked: readonly string[],
  known: readonly string[],
  { what, name }: { what: string; name: string },
): void {
  const stranger = asked.find((one) => !known.includes(one));
  if (stranger === undefined) return;
  throw usageFault(
    `cannot run campaign "${name}" for ${what} "${stranger}": its file has no ${what} of that name; it has ${known.join(', ')}`,
  );
}

/**
 * The cells of a campaign, row by row. `scenariosOf` returns a row's scenarios: a file may hold several. Throws a usage
 * fault, with the row's position in the file, for two rows that are one scenario and for an expectation that the
 * scenario cannot meet. Pure.
 */
export function campaignCells(
  campaign: CampaignRead,
  scenariosOf: (row: CampaignRowRead) => readonly Scenario[],
): CampaignCell[] {
  const seen = new Map<string, string>();
  const pairs = campaign.rows.flatMap((row) => scenariosOf(row).map((scenario) => ({ row, scenario })));
  return pairs.flatMap(({ row, scenario }) => {
    const other = seen.get(scenario.name);
    if (other !== undefined) {
      throw row.refuse(`"${other}" and "${row.name}" are one scenario, ${scenario.name}; drop one of them`);
    }
    seen.set(scenario.name, row.name);
    return row.kernels.map((kernel) => {
      const column = campaign.kernels.get(kernel);
      if (column === undefined) throw new Error(`no column ${kernel}`);
      const cell = cellOf(row, { kernel, scenario });
      if (scenario.crashKernel === 'absent' && expectsCrashKernel(cell.expect)) {
        throw row.refuse(
          `${scenario.name} loads no crash kernel, so that ${kernel} cannot reach a capture kernel; expect no-crash-kernel or another verdict`,
        );
      }
      return {
        scenario,
        spec: column.spec,
        captureSpec: column.captureKernel,
        append: column.append,
        captureAppend: column.captureAppend,
        captureCmdline: column.captureCmdline,
        loadSyscall: column.loadSyscall,
        repeat: row.repeat,
        cell,
      };
    });
  });
}

function cellOf(row: CampaignRowRead, { kernel, scenario }: { kernel: string; scenario: Scenario }): Cell {
  const entry: CellEntry = row.expect?.[kernel] ?? {};
  const voidOk = entry.voidOk ?? row.voidOk;
  return {
    kernel,
    ...(row.why === undefined ? {} : { why: row.why }),
    expect: expectationOf(entry, scenario),
    ...(voidOk === undefined ? {} : { voidOk }),
  };
}

/** The file's expectation; without one the scenario's, with the file's argument for it. */
function expectationOf(
  { anyOf, verdict, quality, degradedBy, detail, why }: CellEntry,
  scenario: Scenario,
): Expectation {
  if (anyOf !== undefined) return { anyOf };
  const argued = why === undefined ? {} : { why };
  if (verdict === undefined) return { ...scenario.expect, ...argued };
  return {
    verdict,
    ...(quality === undefined ? {} : { quality }),
    ...(degradedBy === undefined ? {} : { degradedBy }),
    ...(detail === undefined ? {} : { detail }),
    ...argued,
  };
}

function expectsCrashKernel(expected: Expectation): boolean {
  return alternativesOf(expected).every(({ verdict }) => VERDICTS[verdict].leftFirstKernel);
}

/**
 * Runs in rounds (trial 1 of all cells, trial 2 of all ...), so that a campaign that stops early has covered all cells.
 */
export function inRounds<T extends { readonly repeat: number }>(
  cells: readonly T[],
): { cell: T; trial: number }[] {
  const rounds = Math.max(0, ...cells.map(({ repeat }) => repeat));
  return Array.from({ length: rounds }, (_, index) => index + 1).flatMap((trial) =>
    cells.filter(({ repeat }) => repeat >= trial).map((cell) => ({ cell, trial })),
  );
}
