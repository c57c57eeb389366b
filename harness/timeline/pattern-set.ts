import { jointKernelMessage } from './printk.js';

/** Very many patterns of kernel messages, tried as one. */
export interface PatternSet<Row> {
  /** The rows whose patterns match a line, in their order. */
  matching(line: string): readonly Row[];
}

/** A row of a set. */
export interface PatternRow {
  /** Made by kernelMessage(). */
  readonly pattern: RegExp;
  /**
   * A text that is in each match, for a pattern that begins with what varies (a process, a device): among the others it
   * would make the joint test several times slower, because it can begin anywhere. A text that begins with a frequent
   * character is found more slowly.
   */
  readonly needs?: string | undefined;
}

const NONE: readonly never[] = [];

/**
 * A set of rows. Nearly all lines match none: they cost one test, and one search for each text that is needed. One that
 * matches costs two more tests, whatever the number of rows: which row, and whether another one matches as well. Pure.
 */
export function createPatternSet<Row extends PatternRow>(rows: readonly Row[]): PatternSet<Row> {
  const plain = jointOf(rows.filter(({ needs }) => needs === undefined));
  const needy = rows.flatMap((row) => (row.needs === undefined ? [] : [{ row, needs: row.needs }]));
  return {
    matching(line) {
      let found: readonly Row[] = plain(line);
      let isBoth = false;
      for (const { row, needs } of needy) {
        if (!line.includes(needs) || !row.pattern.test(line)) continue;
        isBoth ||= found.length > 0;
        found = [...found, row];
      }
      return isBoth ? rows.filter((row) => found.includes(row)) : found;
    },
  };
}

/** The rows that match a line, in their order, by one pattern for all of them. */
function jointOf<Row extends PatternRow>(rows: readonly Row[]): (line: string) => readonly Row[] {
  if (rows.length === 0) return () => NONE;
  const { pattern: any, marks } = jointKernelMessage(rows.map(({ pattern }) => pattern));
  const alone = rows.map((row) => [row]);
  const others = new Map<number, RegExp>();

  /** Compiled when it is first needed: few rows ever match. */
  function othersThan(index: number): RegExp {
    const known = others.get(index);
    if (known !== undefined) return known;
    const rest = rows.filter((_row, at) => at !== index).map(({ pattern }) => pattern);
    const { pattern } = jointKernelMessage(rest);
    others.set(index, pattern);
    return pattern;
  }

  return (line) => {
    if (!any.test(line)) return NONE;
    const match = any.exec(line);
    const index = marks.findIndex((mark) => match?.[mark] !== undefined);
    const only = alone[index];
    if (only !== undefined && (rows.length === 1 || !othersThan(index).test(line))) return only;
    return rows.filter(({ pattern }) => pattern.test(line));
  };
}
