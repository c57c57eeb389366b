import { normalize } from 'node:path';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import { usageFault } from '../../model/fault.js';
import { FORMAT_NAMES, type FormatName } from '../../report/formats/format-names.js';
import type { WordsOf } from './command-words.js';
import { nonEmpty, oneOf, text } from './option-values.js';
import { single } from './shared-options.js';

/** Options of `crashpath report`. */
export interface ReportOptions {
  directory: string;
  format: FormatName[];
  output: string[];
  origin: string | undefined;
}

export type ReportArguments = ArgumentsCamelCase<ReportOptions>;

/** `crashpath report`: stored runs in the formats of other programs. */
export const REPORT = {
  command: 'report <directory>',
  describe:
    'Report stored runs: a run, a campaign or a night as HTML, JUnit, KTAP, TAP, KCIDB, GitHub, Markdown',
  builder: reportOptions,
} satisfies WordsOf<ReportOptions>;

/** Where one format goes. */
export interface Destination {
  readonly format: FormatName;
  /** A file; undefined for stdout. */
  readonly output: string | undefined;
}

/**
 * The formats with their files. Throws a usage fault for another number of files than of formats, for two formats that
 * would go to one place, and for `--origin` where no format uses it, or its absence where one does. Pure.
 */
export function destinationsOf({ format, output, origin }: ReportOptions): Destination[] {
  const repeated = format.find((name, index) => format.indexOf(name) < index);
  if (repeated !== undefined) {
    throw usageFault(`cannot use --format "${repeated}": it is given twice; give each format once`);
  }
  if (output.length !== format.length && !(output.length === 0 && format.length === 1)) {
    throw usageFault(
      `cannot write "${format.join(' and ')}": there are ${format.length} --format and ${output.length} --output; give each format its file, in the same order, - for stdout`,
    );
  }
  const files = output.map((name) => normalize(name));
  const file = output.find((_, index) => files.indexOf(files[index] ?? '') < index);
  if (file !== undefined) {
    throw usageFault(`cannot use --output "${file}": two formats would go there; give each its own`);
  }
  const onStdout = format.find((name, index) => name !== 'github' && output[index] === '-');
  if (format.includes('github') && onStdout !== undefined) {
    throw usageFault(
      `cannot write "${onStdout}" to stdout: the annotations of github go there; give it a file`,
    );
  }
  if (format.includes('kcidb') && origin === undefined) {
    throw usageFault(
      'cannot write "kcidb": KernelCI must know who submits; give --origin, the name that it gave your system',
    );
  }
  if (origin !== undefined && !format.includes('kcidb')) {
    throw usageFault(`cannot use --origin "${origin}": only kcidb has an origin; drop it`);
  }
  return format.map((name, index) => ({
    format: name,
    output: output[index] === '-' ? undefined : output[index],
  }));
}

function reportOptions(yargs: Argv<object>): Argv<ReportOptions> {
  return yargs
    .positional('directory', {
      type: 'string',
      demandOption: true,
      describe: "Directory of a run, a campaign or a night; a night's verdicts.json decides what it says",
    })
    .option('format', {
      type: 'string',
      array: true,
      demandOption: true,
      requiresArg: true,
      choices: FORMAT_NAMES,
      coerce: (value: unknown) => several(value, (one) => oneOf('--format', FORMAT_NAMES)(one)),
      describe: 'What to write; may be repeated (docs/formats.md)',
    })
    .option('output', {
      type: 'string',
      alias: 'o',
      array: true,
      default: [] as string[],
      requiresArg: true,
      coerce: (value: unknown) => several(value, nonEmpty('--output')),
      describe:
        'File to write, - for stdout (default); with several formats one for each, in the same order. The summary of github goes to $GITHUB_STEP_SUMMARY unless a file is named',
    })
    .option('origin', {
      ...single(originName),
      describe: 'Name that KernelCI gave the submitting system; needed for kcidb',
    })
    .example('$0 report runs/20260101-000000-ab12 --format junit -o junit.xml', 'For GitLab and Jenkins')
    .example('$0 report runs/20260101-000000-ab12 --format markdown > mail.md', 'For a mail')
    .example(
      '$0 report runs/nights/2026-01-01T013000Z --format html -o night.html --format kcidb -o night.json --origin my_ci',
      'Several formats at once',
    );
}

function several<T>(value: unknown, each: (one: unknown) => T | undefined): T[] {
  return (Array.isArray(value) ? value : [value]).flatMap((one) => {
    const given = each(one);
    return given === undefined ? [] : [given];
  });
}

/** The form that KCIDB's schema requires (report/formats/kcidb-schema.ts). */
function originName(value: unknown): string | undefined {
  const given = text('--origin')(value);
  if (given === undefined || /^[a-z0-9_]{1,100}$/.test(given)) return given;
  throw usageFault(
    `cannot use --origin "${given}": KCIDB's schema refuses it; use small letters, digits and _ only`,
  );
}
