import type { CleanLine } from './clean-line.js';
import {
  type CpuStack,
  type Interruption,
  MOST_FRAMES,
  type StackFrame,
  withInterruptions,
} from './cpu-stack.js';
import { innermostFirst } from './direction.js';
import { type MailCall, mailCall, type Remark, remarkOf, titleCpus } from './line-forms.js';

/** Lines of prose between a title and its first call. */
const MOST_PROSE = 2;
/** A line that is longer is a sentence. */
const REMARK_LIMIT = 72;

interface Written {
  readonly frame: StackFrame;
  readonly lock: string | undefined;
  readonly indent: number;
}

/** A stack as a person wrote it down: calls one below the other, and what is said of them. */
export class MailStack {
  readonly name: string;
  readonly #cpu: number | undefined;
  readonly #line: number;
  readonly #calls: Written[] = [];
  /** Between which calls an interruption is written. */
  readonly #marks: { readonly index: number; readonly by: Interruption }[] = [];
  #loops = false;
  #acquired = false;
  #arrow: MailCall['arrow'];
  #prose = 0;
  #blank = 0;

  constructor({
    name,
    cpu,
    line,
    title,
  }: {
    name: string;
    cpu: number | undefined;
    line: number;
    title: string;
  }) {
    this.name = name;
    this.#cpu = cpu;
    this.#line = line;
    // `CPU4: panic()`.
    const call = mailCall(title.replace(/^[\s:,]+/, ''));
    if (call !== undefined && !call.plain) this.#call(call);
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** Takes a line; false when it belongs to the stack no more. */
  add(text: string): boolean {
    if (text.trim() === '') {
      this.#blank += 1;
      return this.#blank < 3;
    }
    const call = mailCall(text);
    if (call !== undefined && !(this.#blank > 0 && !this.isEmpty && call.arrow === undefined)) {
      this.#blank = 0;
      this.#call(call);
      return true;
    }
    if (this.isEmpty) {
      this.#prose += 1;
      return this.#prose <= MOST_PROSE;
    }
    if (this.#blank > 0 || !isRemark(text)) return false;
    this.#remark(remarkOf(text));
    return true;
  }

  #call(call: MailCall): void {
    if (this.#calls.length >= MOST_FRAMES) return;
    this.#arrow ??= call.arrow;
    // What stands further right has returned; what an interruption hit has not.
    const kept = this.#marks.at(-1)?.index ?? 0;
    while (this.#calls.length > kept && (this.#calls.at(-1)?.indent ?? 0) > call.indent) this.#calls.pop();
    this.#calls.push({ frame: call.frame, lock: call.lock, indent: call.indent });
    if (call.remark !== '') this.#remark(remarkOf(call.remark));
  }

  #remark({ loops, interruptedBy, acquired }: Remark): void {
    this.#loops ||= loops;
    this.#acquired ||= acquired;
    if (interruptedBy !== undefined) this.#marks.push({ index: this.#calls.length, by: interruptedBy });
  }

  builder(): { stack(number: number): CpuStack | undefined } {
    return { stack: () => this.#stack() };
  }

  #stack(): CpuStack | undefined {
    if (this.#calls.length === 0) return undefined;
    const written = this.#calls.map(({ frame }) => frame);
    const given = this.#arrow === 'outwards' ? 'innermost first' : 'outermost first';
    const ordered = innermostFirst(written, given);
    const turned = written.length > 1 && ordered[0] !== written[0];
    const hit = new Map(
      this.#marks.map(({ index, by }) => [turned || written.length === 1 ? index - 1 : index, by] as const),
    );
    const at = (index: number) => (turned ? written.length - 1 - index : index);
    const frames = ordered.map((frame, index) => {
      const by = hit.get(at(index));
      return by === undefined ? frame : { ...frame, interruptedBy: by };
    });
    const locks = this.#calls.flatMap(({ lock }) => lock ?? []);
    return {
      cpu: this.#cpu,
      name: this.name,
      form: 'mail',
      line: this.#line,
      frames: withInterruptions(frames),
      loops: this.#loops,
      acquired: this.#acquired,
      locks: [...new Set(turned ? locks.toReversed() : locks)],
    };
  }
}

/** A short line in dashes, parentheses or the like, or an indented one that says what happens there. */
function isRemark(text: string): boolean {
  if (text.length > 2 * REMARK_LIMIT || text.trim().length > REMARK_LIMIT) return false;
  if (/^\s*(?:[-*<(#/.|]{1,}|\.{2,})/.test(text)) return true;
  const { loops, interruptedBy, acquired } = remarkOf(text);
  return text.startsWith(' ') && (loops || acquired || interruptedBy !== undefined);
}

/** Whether a line may be a row of stacks side by side; `header` names their CPUs. */
export function isPartOfTable(text: string, header: string): boolean {
  const cells = cellsOf(text, columnsOf(header)).filter((cell) => cell.trim() !== '');
  return cells.every(
    (cell) => /^[\s\-=+|]*$/.test(cell) || mailCall(cell) !== undefined || isRemark(` ${cell}`),
  );
}

/** Reads stacks side by side; the first line names their CPUs. */
export function readTable(lines: readonly CleanLine[]): MailStack[] {
  const [header, ...rows] = lines;
  if (header === undefined) return [];
  const columns = columnsOf(header.text);
  return titleCpus(header.text).map(({ name, cpu }, index) => {
    const mail = new MailStack({ name, cpu, line: header.number, title: '' });
    for (const { text } of rows) {
      const cell = cellsOf(text, columns)[index] ?? '';
      // Rows of the other column.
      if (!/^[\s\-=+|]*$/.test(cell)) mail.add(cell);
    }
    return mail;
  });
}

function columnsOf(header: string): number[] {
  return titleCpus(header).map(({ column }) => column);
}

/** How far a cell may begin from the column of its title. */
const SLACK = 16;

/** A row's cells with the blanks before them; a cell begins behind the gap that is nearest to its title. */
function cellsOf(text: string, columns: readonly number[]): string[] {
  const starts = columns.slice(1).map((column) => {
    const gaps = [...text.matchAll(/(?:^ | {2})\s*|\|\s*/g)].map((match) => match.index + match[0].length);
    const [nearest] = gaps
      .filter((end) => Math.abs(end - column) <= SLACK && end < text.length)
      .sort((a, b) => Math.abs(a - column) - Math.abs(b - column));
    return nearest ?? text.length;
  });
  const bounds = [0, ...starts, text.length];
  return columns.map((_, index) => {
    const [from = 0, to = text.length] = [bounds[index], bounds[index + 1]];
    return `${' '.repeat(from)}${text.slice(from, Math.max(from, to))}`.replace(/[\s|]+$/, '');
  });
}
