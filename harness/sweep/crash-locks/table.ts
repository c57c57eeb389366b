import { type HeldEnd, isFatal, keyOf, type LockMap, type MappedLock } from './map.js';
import { type Holder, HOLDERS } from './script.js';

/** The map of one variant of the crash path. */
export interface VariantMap {
  readonly variant: string;
  readonly map: LockMap;
}

/** A lock and its holder in all variants. */
export interface TableRow {
  readonly name: string;
  readonly kind: MappedLock['kind'];
  readonly holder: Holder;
  /** In the order of the variants; null where the crash path does not take the lock. */
  readonly ends: readonly (HeldEnd | null)[];
  /** Names of the variants in which it prevents the dump. */
  readonly fatalIn: readonly string[];
  /** Those among them in which a CPU came to hold it by itself, and there was no dump. */
  readonly confirmedIn: readonly string[];
}

/** Variants of one kernel's crash path side by side. Names are stable within `schema` 1. */
export interface LockTable {
  readonly schema: 1;
  readonly sweep: 'crash-locks';
  readonly variants: readonly VariantMap[];
  readonly table: readonly TableRow[];
}

/** Puts maps side by side, by kind and name. Rows in which no run was planned are left out. */
export function lockTable(variants: readonly VariantMap[]): LockTable {
  const locks = variants.flatMap(({ map }) => map.locks);
  const first = new Map(locks.toReversed().map((lock) => [keyOf(lock), lock]));
  const table = [...new Set(locks.map(keyOf))].flatMap((key): TableRow[] => {
    const lock = first.get(key);
    if (lock === undefined) return [];
    return HOLDERS.flatMap((holder): TableRow[] => {
      const inEach = variants.map(({ map }) => map.locks.find((one) => keyOf(one) === key));
      const ends = inEach.map((one) => one?.held[holder] ?? null);
      if (ends.every((end) => end === null || end.end === 'not taken' || end.end === 'one CPU')) return [];
      const fatalIn = variants.flatMap(({ variant }, index) => {
        const end = ends[index] ?? null;
        return end !== null && isFatal(end) === true ? [variant] : [];
      });
      const confirmedIn = variants.flatMap(({ variant }, index) =>
        inEach[index]?.confirmed[holder]?.end === 'confirmed' ? [variant] : [],
      );
      return [{ name: lock.name, kind: lock.kind, holder, ends, fatalIn, confirmedIn }];
    });
  });
  return { schema: 1, sweep: 'crash-locks', variants, table };
}

/** The lock of a row in each map that has it. */
export function rowLocks(
  row: Pick<TableRow, 'kind' | 'name'>,
  variants: readonly VariantMap[],
): MappedLock[] {
  return variants.flatMap(({ map }) => map.locks.filter((lock) => keyOf(lock) === keyOf(row)));
}
