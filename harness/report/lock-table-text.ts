import { type HeldEnd, isUnexplained } from '../sweep/crash-locks/map.js';
import { rowLocks, type LockTable, type TableRow, type VariantMap } from '../sweep/crash-locks/table.js';
import { lockListLines } from './lock-list.js';
import { lockMapHead } from './lock-map-text.js';
import { holderLegend, holderWord } from './lock-words.js';
import { type CellLine, type Column, type TableLayout, textTable } from './text-table.js';
import { safeName } from './words.js';

const LOCK_COLUMNS: readonly Column[] = [
  { title: 'LOCK', align: 'left', width: 28 },
  { title: 'KIND', align: 'left', width: 9 },
  { title: 'HELD BY', align: 'left', width: 17 },
];
/** `captured`, and the names of variants. */
const VARIANT_WIDTH = 9;

/** Variants of the crash path for a terminal: their heads, then lock by lock what becomes of the crash. */
export function lockTableText({ variants, table }: LockTable, layout?: TableLayout): string {
  const columns = [
    ...LOCK_COLUMNS,
    ...variants.map(({ variant }): Column => {
      const title = safeName(variant);
      return { title, align: 'left', width: Math.max(VARIANT_WIDTH, title.length) };
    }),
  ];
  const words = table.map((row) => rowHolder(row, variants));
  const rows = table.map((row, index): CellLine[][] => [
    [{ text: safeName(row.name) }],
    [{ text: row.kind }],
    [{ text: words[index] ?? '' }],
    ...row.ends.map((end) => [{ text: shortEnd(end) }]),
  ]);
  return [
    ...variants.flatMap(variantHead),
    '',
    ...textTable(columns, rows, (title) => title, layout),
    '',
    '-: the crash path does not take the lock then, or there is no other CPU; ?: not shown to be this lock',
    ...holderLegend(words),
    ...lockListLines(variants),
  ].join('\n');
}

/** Who holds the lock of a row, in a word that is true in all variants. */
export function rowHolder(row: TableRow, variants: readonly VariantMap[]): string {
  return holderWord(rowLocks(row, variants), row.holder);
}

function variantHead({ variant, map }: VariantMap): string[] {
  return [`${safeName(variant)}:`, ...lockMapHead(map).map((line) => `  ${line}`)];
}

/** An end in one word. */
export function shortEnd(end: HeldEnd | null): string {
  if (end === null || end.end === 'not taken' || end.end === 'one CPU') return '-';
  if (end.end === 'no name' || end.end === 'not in NMI') return 'unknown';
  if (end.end === 'not run') return 'NOT RUN';
  return isUnexplained(end) ? `${end.end}?` : end.end;
}
