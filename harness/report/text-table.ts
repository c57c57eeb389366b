/** One line of a cell: plain printable ASCII, and how to colour it (colour takes no columns). */
export interface CellLine {
  readonly text: string;
  readonly paint?: ((text: string) => string) | undefined;
}

/** A column: its title and the alignment of its text. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Lines that are too long are folded to this many columns. */
  readonly width: number;
}

/** How a table is laid out. */
export interface TableLayout {
  /** False: a column is as wide as its longest line, as for a file or another program. */
  readonly fold: boolean;
}

const GAP = '  ';

/**
 * Lays out cells under their titles, without rules; a row is as high as its highest cell. Lines have no trailing
 * blanks.
 */
export function textTable(
  given: readonly Column[],
  rows: readonly (readonly (readonly CellLine[])[])[],
  paintTitle: (text: string) => string,
  { fold }: TableLayout = { fold: true },
): string[] {
  const columns = fold
    ? given
    : given.map((column, index) =>
        unfolded(
          column,
          rows.map((row) => row[index] ?? []),
        ),
      );
  const head = columns.map(({ title }) => [{ text: title, paint: paintTitle }]);
  return [head, ...rows].flatMap((row) => {
    const cells = columns.map((column, index) =>
      (row[index] ?? []).flatMap(({ text, paint }) =>
        foldLine(text, column.width).map((part) => ({ text: part, paint })),
      ),
    );
    const height = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, line) => tableLine(columns, cells, line));
  });
}

function unfolded(column: Column, cells: readonly (readonly CellLine[])[]): Column {
  const width = Math.max(column.title.length, ...cells.flat().map(({ text }) => text.length));
  return { ...column, width };
}

function tableLine(
  columns: readonly Column[],
  cells: readonly (readonly CellLine[])[],
  line: number,
): string {
  let written = '';
  let blanks = '';
  for (const [index, { align, width }] of columns.entries()) {
    const { text, paint } = cells[index]?.[line] ?? { text: '' };
    const space = ' '.repeat(Math.max(0, width - text.length));
    if (text !== '') {
      written += `${blanks}${align === 'right' ? space : ''}${paint === undefined ? text : paint(text)}`;
      blanks = '';
    }
    blanks += `${align === 'right' && text !== '' ? '' : space}${GAP}`;
  }
  return written;
}

/** Folds a line after a dash or blank near the end of its part where there is one, else anywhere. */
export function foldLine(text: string, width: number): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const boundary = Math.max(rest.lastIndexOf('-', width - 1), rest.lastIndexOf(' ', width - 1)) + 1;
    const cut = boundary > width / 2 ? boundary : width;
    parts.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut);
  }
  return [...parts, rest];
}
