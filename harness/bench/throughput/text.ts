import { shellQuote } from '../../model/shell-words.js';
import { textTable } from '../../report/text-table.js';
import { CONTENDERS } from './contenders.js';
import { PHASE_NAMES, PHASES } from './phases.js';
import type { Bench, ContenderSummary, Spread } from './summary.js';

/** The bench for people: one column for each contender. No newline at the end. Pure. */
export function benchText(bench: Bench): string {
  const { contenders, floor, hang, rounds, host, accel, qemu, kernel, stopped, chosen } = bench;
  const captures = contenders.filter(({ letter }) => letter !== 'e');
  return [
    `${kernel} under ${accel}, QEMU ${qemu}; ${host.cpus} CPUs, load ${host.loadBefore.toFixed(1)} before; ` +
      `${rounds} ${rounds === 1 ? 'round' : 'rounds'}${stopped ? ', stopped before the last was complete' : ''}; ` +
      'median (least to most)',
    ...(chosen.length === 0 ? [] : [`fresh runs and clones: ${shellQuote(chosen)}; the loop: without`]),
    '',
    ...(captures.length === 0 ? [] : [...captureTable(captures), '', ...phaseTable(captures), '']),
    `floor: ${rangeText(floor.cpuMs, seconds)} s of CPU: ${floor.how}`,
    ...(hang === null ? [] : [hangText(hang)]),
    '',
    ...goalTable(bench),
    ...contenders.flatMap(({ name, failed }) => failed.map((why) => `not counted: ${name}, ${why}`)),
  ].join('\n');
}

type Row = readonly [title: string, of: (contender: ContenderSummary) => string];

const ROWS: readonly Row[] = [
  ['turns', ({ turns }) => `${turns}`],
  ['wall time of a capture, s', ({ capture }) => rangeText(capture?.wallMs, seconds)],
  ['CPU time of a capture, s', ({ capture }) => rangeText(capture?.cpuMs, seconds)],
  ['  of the guest (QEMU), s', ({ capture }) => rangeText(capture?.guestMs, seconds)],
  ['  of the harness, s', ({ capture }) => rangeText(capture?.harnessMs, hundredths)],
  ["  harness, % of the guest's", ({ capture }) => rangeText(capture?.harnessShare, percent)],
  ['captures per hour', ({ capture }) => rangeText(capture?.perHour, whole)],
  ['  per core, by wall time', ({ capture }) => rangeText(capture?.perCoreHour.wall, whole)],
  ['  per core, by CPU time', ({ capture }) => rangeText(capture?.perCoreHour.cpu, whole)],
  ['ratio to the loop, by wall time', ({ capture }) => rangeText(capture?.ratio.wall, hundredthsOf)],
  ['ratio to the loop, by CPU time', ({ capture }) => rangeText(capture?.ratio.cpu, hundredthsOf)],
  ['CPU time, x the floor', ({ capture }) => rangeText(capture?.ofFloor, hundredthsOf)],
  ['clone until it runs, s', ({ toRunningMs }) => rangeText(toRunningMs, hundredths)],
  ["QEMU's PSS, armed, MB", ({ memory }) => rangeText(memory.armed.pssKiB, megabytes)],
  ['  of it its own (anonymous), MB', ({ memory }) => rangeText(memory.armed.anonymousKiB, megabytes)],
  ["QEMU's PSS, captured, MB", ({ memory }) => rangeText(memory.captured.pssKiB, megabytes)],
  ['  of it its own (anonymous), MB', ({ memory }) => rangeText(memory.captured.anonymousKiB, megabytes)],
  ["harness's peak RSS, MB", ({ harnessPeakKiB }) => rangeText(harnessPeakKiB, megabytes)],
  [
    'campaign: clones of runs',
    ({ campaign }) => (campaign === null ? '-' : `${campaign.clones} of ${campaign.runs}`),
  ],
  ['campaign: CPU time of a run, s', ({ campaign }) => rangeText(campaign?.cpuMs, seconds)],
  ['  of it boots, node start, report, s', ({ campaign }) => rangeText(campaign?.besideClonesMs, seconds)],
  ['campaign: wall time of a run, s', ({ campaign }) => rangeText(campaign?.wallMs, seconds)],
  ["campaign: harness, % of the guests'", ({ campaign }) => rangeText(campaign?.harnessShare, percent)],
  [
    'campaign of many runs: CPU time of a run, s',
    ({ campaign }) => (campaign?.long == null ? '-' : seconds(campaign.long.cpuMs)),
  ],
  [
    '  ratio to the loop, by CPU time',
    ({ campaign }) => (campaign?.long?.ratio == null ? '-' : hundredthsOf(campaign.long.ratio)),
  ],
  ["campaign: the template's boot, s", ({ campaign }) => rangeText(campaign?.templateMs, seconds)],
];

function captureTable(contenders: readonly ContenderSummary[]): string[] {
  const rows = ROWS.map(([title, of]) => [title, ...contenders.map(of)]).filter(([, ...values]) =>
    values.some((value) => value !== '-'),
  );
  return table(['', ...contenders.map(({ letter }) => CONTENDERS[letter].what)], rows);
}

function phaseTable(contenders: readonly ContenderSummary[]): string[] {
  const rows = PHASES.flatMap((phase) => {
    const values = contenders.map(({ phases }) => {
      const seen = phases.find((one) => one.phase === phase);
      if (seen === undefined) return '-';
      return `${seconds(seen.wallMs.median)} / ${seen.cpuMs === null ? '?' : seconds(seen.cpuMs.median)}`;
    });
    return values.every((value) => value === '-') ? [] : [[PHASE_NAMES[phase], ...values]];
  });
  return table(["wall / QEMU's CPU, s", ...contenders.map(({ letter }) => CONTENDERS[letter].what)], rows);
}

function goalTable({ goals }: Bench): string[] {
  const rows = goals.map(({ goal, bound, limit, unit, measured, met }) => [
    `${goal}: ${bound} ${limit} ${unit}`,
    measured === null ? '-' : hundredthsOf(measured),
    met === null ? 'not measured' : met ? 'met' : 'NOT MET',
  ]);
  return table(['goal', 'measured', ''], rows);
}

function hangText({ provedMs, verdictMs, loopTimeoutMs }: NonNullable<Bench['hang']>): string {
  return (
    `hang: proved ${rangeText(provedMs, seconds)} s after the panic, reported after ${rangeText(verdictMs, seconds)} s; ` +
    `the loop waits for its timeout of ${loopTimeoutMs / 1000} s, and proves nothing`
  );
}

/** Lays out rows under titles; the first column is aligned to the left. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const columns = titles.map((title, index) => ({
    title,
    align: index === 0 ? ('left' as const) : ('right' as const),
    width: Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  }));
  return textTable(
    columns,
    rows.map((row) => row.map((text) => [{ text }])),
    (title) => title,
  );
}

/** `12.1 (11.0 to 13.5)`, one number for one value, `-` for none. */
function rangeText(range: Spread | null | undefined, format: (value: number) => string): string {
  if (range == null) return '-';
  const middle = format(range.median);
  return range.count === 1 ? middle : `${middle} (${format(range.least)} to ${format(range.most)})`;
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);
const hundredths = (ms: number) => (ms / 1000).toFixed(2);
const hundredthsOf = (value: number) => value.toFixed(2);
const percent = (share: number) => (share * 100).toFixed(1);
const whole = (value: number) => value.toFixed(0);
const megabytes = (kib: number) => ((kib * 1024) / 1e6).toFixed(0);
