import { type HeldEnd, isUnexplained } from '../sweep/crash-locks/map.js';
import type { LockTable, TableRow, VariantMap } from '../sweep/crash-locks/table.js';
import { HOLDER_WORDS, lockMapHead } from './lock-map-text.js';
import { type CellLine, type Column, textTable } from './text-table.js';
import { safeName } from './words.js';

const LOCK_COLUMNS: readonly Column[] = [
  { title: 'LOCK', align: 'left', width: 28 },
  { title: 'KIND', align: 'left', width: 9 },
  { title: 'HELD BY', align: 'left', width: 17 },
];
/** `captured`, and the names of variants. */
const VARIANT_WIDTH = 9;

/** Variants of the crash path for a terminal: their heads, then lock by lock what becomes of the crash. */
export function lockTableText({ variants, table }: LockTable): string {
  const columns = [
    ...LOCK_COLUMNS,
    ...variants.map(({ variant }): Column => {
      const title = safeName(variant);
      return { title, align: 'left', width: Math.max(VARIANT_WIDTH, title.length) };
    }),
  ];
  const rows = table.map((row): CellLine[][] => [
    [{ text: safeName(row.name) }],
    [{ text: row.kind }],
    [{ text: HOLDER_WORDS[row.holder] }],
    ...row.ends.map((end) => [{ text: shortEnd(end) }]),
  ]);
  return [
    ...variants.flatMap(variantHead),
    '',
    ...textTable(columns, rows, (title) => title),
    '',
    '-: the crash path does not take the lock then, or there is no other CPU; ?: not shown to be this lock',
    ...fatalLines(table, variants.length),
  ].join('\n');
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

function fatalLines(table: readonly TableRow[], variants: number): string[] {
  const fatal = table.filter(({ fatalIn }) => fatalIn.length > 0);
  if (fatal.length === 0) return ['no lock is fatal when it is held'];
  return fatal.flatMap(({ name, kind, holder, fatalIn, confirmedIn }) => {
    const lineOf = (word: string, where: readonly string[]) => {
      if (where.length === 0) return [];
      const names = where.length === variants ? 'every variant' : where.map(safeName).join(', ');
      return [`${word} by ${HOLDER_WORDS[holder]}: ${safeName(name)} (${kind}), in ${names}`];
    };
    const unconfirmed = fatalIn.filter((variant) => !confirmedIn.includes(variant));
    return [...lineOf('FATAL', confirmedIn), ...lineOf('FATAL IF HELD', unconfirmed)];
  });
}
