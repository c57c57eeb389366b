import { fitsGlob } from '../../model/glob.js';
import type { CellName, CellPoints, HistoryPoint } from '../../stats/cell-history.js';

/** Which cells and campaigns to show; a missing choice takes all. Patterns are those of {@link fitsGlob}. */
export interface CellChoice {
  readonly cell?: string | undefined;
  readonly scenario?: string | undefined;
  readonly kernel?: string | undefined;
  readonly machine?: string | undefined;
  readonly accel?: string | undefined;
  readonly since?: Date | undefined;
}

/** Fewest digits of a sha256 that name a build. */
const HASH_DIGITS = 6;

/** The chosen cells with the campaigns that are late enough; cells without one are left out. Pure. */
export function chosenCells(cells: readonly CellPoints[], choice: CellChoice): CellPoints[] {
  const { cell: name, scenario, kernel, machine, accel, since } = choice;
  return cells.flatMap(({ cell, points }) => {
    const late = points.filter(({ at }) => since === undefined || new Date(at) >= since);
    const isChosen =
      late.length > 0 &&
      (name === undefined || cellNames(cell).some((own) => fitsGlob(own, name))) &&
      (scenario === undefined || fitsGlob(cell.scenario, scenario)) &&
      (kernel === undefined || isOfKernel(kernel, { cell, points: late })) &&
      (machine === undefined || fitsGlob(machineName(cell), machine)) &&
      (accel === undefined || cell.accel === accel);
    return isChosen ? [{ cell, points: late }] : [];
  });
}

/** Names that mean this cell, the shortest first. */
export function cellNames(cell: CellName): string[] {
  const { scenario, kernel } = cell;
  return [scenario, `${scenario}/${kernel}`, `${scenario}/${kernel}/${machineName(cell)}`];
}

/** Joins the cells that differ in the kernel's name alone; campaigns in the order of time. Pure. */
export function acrossKernels(cells: readonly CellPoints[]): CellPoints[] {
  const joined = new Map<string, { cell: CellName; points: HistoryPoint[] }>();
  for (const { cell, points } of cells) {
    const key = JSON.stringify([cell.scenario, cell.machine, cell.accel]);
    const one = joined.get(key);
    if (one === undefined) joined.set(key, { cell: { ...cell, kernel: '*' }, points: [...points] });
    else one.points.push(...points);
  }
  return [...joined.values()].map(({ cell, points }) => ({
    cell,
    points: points.sort((a, b) => compare(a.at, b.at) || compare(a.campaign, b.campaign)),
  }));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function machineName({ machine }: CellName): string {
  return machine ?? 'default';
}

function isOfKernel(pattern: string, { cell, points }: CellPoints): boolean {
  const isHash = pattern.length >= HASH_DIGITS && /^[0-9a-f]+$/.test(pattern);
  return (
    fitsGlob(cell.kernel, pattern) ||
    points.some(
      ({ build: { label, sha256 } }) => fitsGlob(label, pattern) || (isHash && sha256.startsWith(pattern)),
    )
  );
}
