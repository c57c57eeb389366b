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
 * matches costs one more for each row that it matches, and another: whatever the number of rows. Pure.
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

/** One pattern for some of the rows, and for those that are left when one of them is taken out. */
interface Joint {
  readonly pattern: RegExp;
  readonly marks: readonly number[];
  /** Numbers of the rows, in the order of the marks. */
  readonly rows: readonly number[];
  readonly without: Map<number, Joint>;
}

/** Patterns that are made for combinations of rows that match together: few do, and a hostile line matches any. */
const MOST_JOINTS = 64;

/** The rows that match a line, in their order. */
function jointOf<Row extends PatternRow>(rows: readonly Row[]): (line: string) => readonly Row[] {
  if (rows.length === 0) return () => NONE;
  let made = 0;
  const jointFor = (numbers: readonly number[]): Joint => {
    made += 1;
    const patterns = numbers.flatMap((number) => rows[number]?.pattern ?? []);
    return { ...jointKernelMessage(patterns), rows: numbers, without: new Map() };
  };
  const all = jointFor(rows.map((_row, number) => number));
  const alone = rows.map((row) => [row]);

  /** Without a row; undefined for the last one, and when too many patterns were made. */
  function without(joint: Joint, taken: number): Joint | undefined {
    const known = joint.without.get(taken);
    if (known !== undefined || joint.rows.length === 1 || made >= MOST_JOINTS) return known;
    const rest = jointFor(joint.rows.filter((number) => number !== taken));
    joint.without.set(taken, rest);
    return rest;
  }

  return (line) => {
    if (!all.pattern.test(line)) return NONE;
    const found: number[] = [];
    for (let joint: Joint | undefined = all; ; ) {
      const match = joint.pattern.exec(line);
      if (match === null) break;
      const number = joint.rows[joint.marks.findIndex((mark) => match[mark] !== undefined)] ?? 0;
      found.push(number);
      const rest: Joint | undefined = without(joint, number);
      if (rest === undefined && joint.rows.length > 1)
        return rows.filter(({ pattern }) => pattern.test(line));
      if (rest === undefined) break;
      joint = rest;
    }
    const [only] = found;
    if (found.length === 1 && only !== undefined) return alone[only] ?? NONE;
    return rows.filter((_row, number) => found.includes(number));
  };
}
