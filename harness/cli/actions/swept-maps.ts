import type { SweptLocks } from '../../report/page/locks.js';
import type { SweptMaps } from '../../report/page/sweep.js';
import { lockComparisonText, lockMapText } from '../../report/lock-map-text.js';
import { lockTableText } from '../../report/lock-table-text.js';
import type { TableLayout } from '../../report/text-table.js';
import { comparisonText, mapText } from '../../report/nmi-map-text.js';
import { compareMaps, type MapComparison } from '../../sweep/compare-maps.js';
import {
  compareLockMaps,
  isUnexplained,
  type LockComparison,
  type LockMap,
} from '../../sweep/crash-locks/map.js';
import { lockTable, type LockTable } from '../../sweep/crash-locks/table.js';
import type { NmiMap } from '../../sweep/map.js';

/** The map of one kernel, of any sweep. */
export type SweptMap = NmiMap | LockMap;
/** Two maps of the same sweep, or the maps of variants. */
export type SweptComparison = MapComparison | LockComparison | LockTable;

/** Whether nothing is left to be tried, and every outcome is known. */
export function isWhole(map: SweptMap): boolean {
  if (!map.complete) return false;
  if (map.sweep === 'nmi-transition') return map.probed.every(({ outcome }) => outcome.end !== 'unknown');
  if (map.controls.some(({ verdict }) => verdict !== 'captured')) return false;
  return map.locks.every(({ held }) =>
    Object.values(held).every(
      (one) => !['unknown', 'no name', 'not in NMI'].includes(one.end) && !isUnexplained(one),
    ),
  );
}

/**
 * Compares two maps, or puts those of variants side by side, whose names are given in their order; undefined for one map,
 * or for maps of different sweeps.
 */
export function comparisonOf(
  maps: readonly SweptMap[],
  variants: readonly string[] = [],
): SweptComparison | undefined {
  if (variants.length > 0) {
    return lockTable(
      maps.flatMap((map, index) => {
        const variant = variants[index];
        return map.sweep === 'crash-locks' && variant !== undefined ? [{ variant, map }] : [];
      }),
    );
  }
  const [baseline, candidate] = maps;
  if (baseline === undefined || candidate === undefined) return undefined;
  if (baseline.sweep === 'nmi-transition' && candidate.sweep === 'nmi-transition')
    return compareMaps(baseline, candidate);
  if (baseline.sweep === 'crash-locks' && candidate.sweep === 'crash-locks')
    return compareLockMaps(baseline, candidate);
  return undefined;
}

/** A map, or two and what differs, for a terminal. */
export function sweptText(swept: SweptMap | SweptComparison, layout?: TableLayout): string {
  if ('table' in swept) return lockTableText(swept, layout);
  if ('rows' in swept) return lockComparisonText(swept, layout);
  if ('groups' in swept) return comparisonText(swept);
  return swept.sweep === 'nmi-transition' ? mapText(swept) : lockMapText(swept, layout);
}

/** The same for the report page. */
export function pictured(
  maps: readonly SweptMap[],
  comparison: SweptComparison | undefined,
): { readonly sweep: SweptMaps } | { readonly locks: SweptLocks } {
  const locks = maps.filter((map) => map.sweep === 'crash-locks');
  if (locks.length > 0) {
    return {
      locks: {
        maps: locks,
        comparison: comparison !== undefined && 'rows' in comparison ? comparison : undefined,
        table: comparison !== undefined && 'table' in comparison ? comparison : undefined,
      },
    };
  }
  return {
    sweep: {
      maps: maps.filter((map) => map.sweep === 'nmi-transition'),
      comparison: comparison !== undefined && 'groups' in comparison ? comparison : undefined,
    },
  };
}
