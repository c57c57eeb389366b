import { usageFault } from '../model/fault.js';

/** A part of the zoo: every `of`th row, from the `index`th on (1 is the first). */
export interface Rotation {
  readonly index: number;
  readonly of: number;
}

/** Reads `N/M`, or `today/M`: another part each day. Throws a usage fault. Pure. */
export function parseRotation(text: string, today: Date): Rotation {
  const [, which = '', size = ''] = /^(\d{1,4}|today)\/(\d{1,4})$/.exec(text) ?? [];
  const of = Number(size);
  const day = Math.floor(today.getTime() / 86_400_000);
  const index = which === 'today' ? (day % Math.max(of, 1)) + 1 : Number(which);
  if (of >= 1 && index >= 1 && index <= of) return { index, of };
  throw usageFault(`cannot use --rotate "${text}": it is not a part; write N/M with 1 <= N <= M, or today/M`);
}

/** The rows of one part. All parts together are all rows, and each part has some of every region of the file. Pure. */
export function rotated<T>(rows: readonly T[], { index, of }: Rotation): T[] {
  return rows.filter((_, at) => at % of === index - 1);
}
