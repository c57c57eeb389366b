import { stripVTControlCharacters } from 'node:util';

/** Longest part of a line that is read, characters. */
const LINE_LIMIT = 1024;

/** A line of the text without what mail programs, collectors and the kernel put before it. */
export interface CleanLine {
  /** From 1. */
  readonly number: number;
  /** With its indentation; tabs are 8 columns wide. */
  readonly text: string;
  /** Who printed it, where the kernel says (CONFIG_PRINTK_CALLER): `T12`, `C1`. */
  readonly caller: string | undefined;
}

/** `> > `, as mail programs quote. */
const QUOTE = /^(?: ?>)+ ?/;
/** A collector's time and the host's name, up to `kernel: `. */
const SYSLOG =
  /^(?:[A-Z][a-z]{2} {1,2}\d{1,2} [\d:]{8}|\d{4}-\d\d-\d\d[T ][\d:.,]{8,18}(?:Z|[+-]\d\d:?\d\d)?) (?:\S{1,64} )?(?:kernel|\S{1,64}\[\d+\]): /;
/** A collector's time alone: `[2026-01-01 00:00:00.123]`. */
const COLLECTED = /^\[?\d{4}-\d\d-\d\d[T ][\d:.,]{8,18}(?:Z|[+-]\d\d:?\d\d)?\]? ?/;
/** The kernel's level and time (kernel/printk/printk.c, print_prefix(), v6.1). */
const LEVEL = /^<\d{1,3}>/;
const TIME = /^\[ *\d{1,10}\.\d{1,9}\]/;
const CALLER = /^\[ *([TC]\d{1,7})\]/;

/** The lines of a text in their order, cleaned one by one. Pure. */
export function* cleanLines(text: string): Generator<CleanLine> {
  let number = 0;
  for (let begin = 0; begin <= text.length; ) {
    const found = text.indexOf('\n', begin);
    const end = found === -1 ? text.length : found;
    number += 1;
    yield { number, ...cleaned(text.slice(begin, Math.min(end, begin + LINE_LIMIT))) };
    begin = end + 1;
  }
}

function cleaned(raw: string): Pick<CleanLine, 'text' | 'caller'> {
  const visible = expandTabs(stripVTControlCharacters(raw))
    .replace(/[\u2192\u21d2]/g, '->')
    .replace(/[^\x20-\x7e]/g, ' ');
  let text = visible.replace(QUOTE, '').replace(SYSLOG, '').replace(COLLECTED, '').replace(LEVEL, '');
  const timed = TIME.exec(text);
  if (timed === null) return { text: text.trimEnd(), caller: undefined };
  text = text.slice(timed[0].length);
  const caller = CALLER.exec(text);
  if (caller !== null) text = text.slice(caller[0].length);
  return { text: text.replace(/^ /, '').trimEnd(), caller: caller?.[1] };
}

/** Columns matter where two stacks stand beside each other. */
function expandTabs(raw: string): string {
  if (!raw.includes('\t')) return raw;
  let line = '';
  for (const part of raw.split(/(\t)/)) line += part === '\t' ? ' '.repeat(8 - (line.length % 8)) : part;
  return line;
}
