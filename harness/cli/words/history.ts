import type { Argv } from 'yargs';
import { usageFault } from '../../model/fault.js';
import type { WordsOf } from './command-words.js';
import { nonEmpty, oneOf, text } from './option-values.js';
import { jsonOption, OUT_OPTION, single } from './shared-options.js';

const FAIL_ON = ['regression'] as const;
const ACCELS = ['kvm', 'tcg'] as const;

/** Options of `crashpath history`. */
export interface HistoryOptions {
  cell: string | undefined;
  scenario: string | undefined;
  kernel: string | undefined;
  machine: string | undefined;
  accel: (typeof ACCELS)[number] | undefined;
  since: Date | undefined;
  'across-kernels': boolean;
  'fail-on': (typeof FAIL_ON)[number] | undefined;
  rebuild: boolean;
  out: string;
  json: boolean;
}

/** `crashpath history`: how the rate of each cell went over campaigns, nights and builds. */
export const HISTORY = {
  command: 'history [cell]',
  describe: 'Show how failure rates went over campaigns and kernel builds, and the first bad build',
  builder: (yargs: Argv) =>
    yargs
      .positional('cell', {
        type: 'string',
        coerce: nonEmpty('cell'),
        describe: 'SCENARIO, SCENARIO/KERNEL or SCENARIO/KERNEL/MACHINE; * and ? stand for other characters',
      })
      .option('scenario', {
        ...single(nonEmpty('--scenario')),
        describe: 'Only these scenarios; * and ? as above',
      })
      .option('kernel', {
        ...single(nonEmpty('--kernel')),
        alias: 'k',
        describe:
          "Only cells of this kernel: a campaign file's column, a kernel spec, or the release or sha256 of one of its builds",
      })
      .option('machine', {
        ...single(nonEmpty('--machine')),
        describe: 'Only these machines; the one without a name is called default',
      })
      .option('accel', {
        ...single(oneOf('--accel', ACCELS)),
        choices: ACCELS,
        describe: 'Only runs under this accelerator',
      })
      .option('since', {
        ...single(since),
        describe: 'Only campaigns that began then or later: 2026-11-01, a time in ISO 8601, or 30d, 12h',
      })
      .option('across-kernels', {
        type: 'boolean',
        default: false,
        describe:
          'One history for each scenario and machine, whatever its kernels were called: for builds that each have a path of their own',
      })
      .option('fail-on', {
        ...single(oneOf('--fail-on', FAIL_ON)),
        choices: FAIL_ON,
        describe: 'Exit with 1 if the latest change of some cell is a regression',
      })
      .option('rebuild', {
        type: 'boolean',
        default: false,
        describe: 'Make the index (OUT/history.sqlite) anew from the run directories',
      })
      .option('out', OUT_OPTION)
      .option('json', jsonOption('Print JSON, one object per cell and line'))
      .example('$0 history', 'All cells, the regressed ones first')
      .example("$0 history 'ioapic-*' --since 30d", 'The last 30 days of some scenarios')
      .example('$0 history ioapic-lock-held/stable --json', 'One cell, for a script')
      .epilogue(
        'Exit codes: 0 shown, 1 --fail-on is met, 2 no shown cell has a judged trial, 64 no cell of that name.',
      ),
} satisfies WordsOf<HistoryOptions>;

const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000 };

/** A time, or how long ago it was. Throws a usage fault. */
export function since(value: unknown, now = Date.now()): Date | undefined {
  const given = text('--since')(value);
  if (given === undefined) return undefined;
  const [, amount, unit = ''] = /^(\d{1,5})([dh])$/.exec(given) ?? [];
  if (amount !== undefined) return new Date(now - Number(amount) * (UNITS[unit] ?? 0));
  const time = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(given) ? new Date(given) : undefined;
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  throw usageFault(
    `cannot use --since "${given}": it is no time; write a day (2026-11-01), a time with its zone (2026-11-01T06:00Z), or 30d or 12h ago`,
  );
}
