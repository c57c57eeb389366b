import type { Autopsy } from '../model/autopsy.js';
import { escapeHostText } from '../model/escape.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { autopsyText } from './autopsy-text.js';
import { excerptOf } from './console-excerpt.js';
import { excerptText } from './excerpt-text.js';
import { type InterruptState, interruptStateLines } from './interrupt-state.js';
import { type KernelLog, silentLogs } from './kernel-log.js';
import { type Palette, palette, type TextOptions } from './paint.js';
import { guestText, keepsText, vmcoreText } from './kept-text.js';
import { phaseLadder, type Rung } from './phase-ladder.js';
import {
  preciseSeconds,
  safeName,
  safeSentence,
  seconds,
  shellWord,
  startText,
  stepSeconds,
  verdictName,
} from './words.js';

/** A file of a run directory. */
export interface RunFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** The input of {@link showRun}. */
export interface ShownRun extends TextOptions {
  readonly plan: RunPlan;
  /** Absent when the run has no verdict: it was interrupted, or crashpath was killed. */
  readonly result: RunResult | undefined;
  /** The recorded console, whole. */
  readonly consoleBytes: Buffer;
  /** The interrupt controllers right before firing; absent in a run that ended before, or an older one. */
  readonly interruptState?: InterruptState | undefined;
  /** What the stopped machine showed at the end of a run without a capture. */
  readonly autopsy?: Autopsy | undefined;
  /** Logs of its kernels that were read from memory, in order. */
  readonly kernelLogs?: readonly KernelLog[] | undefined;
  /** Where the run is stored now. */
  readonly directory: string;
  readonly files: readonly RunFile[];
}

/** At most this many pieces of evidence and files are listed. */
const LISTED = 50;

/** The text of `crashpath show RUN`: sections divided by empty lines, ends with a newline. Pure. */
export function showRun({
  plan,
  result,
  consoleBytes,
  interruptState,
  autopsy,
  kernelLogs = [],
  directory,
  files,
  color,
}: ShownRun): string {
  const colors = palette({ color });
  const judgeAgain = `crashpath classify ${shellWord(directory)}`;
  const sections = [
    header(plan, colors),
    result === undefined ? noVerdict(judgeAgain, colors) : verdict(result, colors),
    ...(result === undefined ? [] : [ladder(result, colors), evidence(result, colors)]),
    ...(autopsy === undefined ? [] : [autopsyText(autopsy, { color, interrupts: false }).trimEnd()]),
    ...(interruptState === undefined ? [] : [interrupts(interruptState, colors)]),
    consoleSection(consoleBytes, result, colors),
    ...logSections(kernelLogs, { consoleBytes, colors }),
    fileSection(directory, files, colors),
    `${colors.bold('judge again')}  ${judgeAgain}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

function header(
  { scenario, kernel, captureKernel, accel, machine, nonce, ...plan }: RunPlan,
  colors: Palette,
) {
  return aligned(
    [
      ['run', `${safeName(plan.runId)} (campaign ${safeName(plan.campaign)}, trial ${plan.trial})`],
      ['scenario', `${safeName(scenario.name)}: ${safeSentence(scenario.summary)}`],
      ['kernel', kernelText(kernel)],
      ['capture', captureKernel.sha256 === kernel.sha256 ? 'the same kernel' : kernelText(captureKernel)],
      ...optional('boots', distributionText(plan)),
      ...(scenario.crashKernel === 'loaded' ? [['loading', loadingText(plan)] as const] : []),
      ...optional('repacked', repackText(plan)),
      ['accel', `${accel.accel}: ${safeSentence(accel.reason)}`],
      [
        'machine',
        `${machine.name === undefined ? '' : `${safeName(machine.name)}: `}${safeName(machine.type)}, cpu ${safeName(machine.cpuModel)}, ${machine.cpus} vCPU, ${machine.memoryMiB} MiB`,
      ],
      ['qemu', safeName(plan.qemu.version)],
      ...(plan.host === undefined ? [] : [['host', safeName(plan.host)] as [string, string]]),
      ...optional('keeps', keepsText(plan)),
      ['nonce', safeName(nonce)],
    ],
    colors,
  );
}

function kernelText({ label, spec, sha256 }: RunPlan['kernel']): string {
  return `${safeName(label)} (${escapeHostText(spec)}, sha256 ${safeName(sha256.slice(0, 12))})`;
}

/** How the crash kernel is loaded, and its command line, to which kexec or the kernel adds. */
function loadingText({
  loadSyscall,
  captureAppend,
  distribution,
}: Pick<RunPlan, 'loadSyscall' | 'captureAppend' | 'distribution'>): string {
  if (distribution !== undefined) return "by the distribution's kdump service, with its own command line";
  const option = loadSyscall === 'kexec_load' ? '-c' : '-s';
  return `${loadSyscall} (kexec ${option}), command line: ${escapeHostText(captureAppend)}`;
}

/** The distribution that the guest boots, with the packages that decide its dump. */
function distributionText({ distribution }: Pick<RunPlan, 'distribution'>): string | undefined {
  if (distribution === undefined) return undefined;
  const { spec, key, packages } = distribution;
  const versions = Object.entries(packages).map(([name, version]) => safeName(`${name} ${version}`));
  return `${safeName(spec)} (${safeName(key)}): ${versions.join(', ')}`;
}

/** The kernels that decompress fast, and how they are proved to be the same. */
function repackText({ repacked }: Pick<RunPlan, 'repacked'>): string | undefined {
  const { first, capture } = repacked ?? {};
  const of = [
    ...(first === undefined ? [] : [{ what: 'the first kernel', ...first }]),
    ...(capture === undefined ? [] : [{ what: 'the capture kernel', ...capture }]),
  ].map(
    ({ what, compression, sha256, vmlinuxSha256 }) =>
      `${what} (${compression}, sha256 ${safeName(sha256.slice(0, 12))}, vmlinux ${safeName(vmlinuxSha256.slice(0, 12))})`,
  );
  return of.length === 0 ? undefined : of.join('; ');
}

function noVerdict(judgeAgain: string, colors: Palette): string {
  return aligned(
    [
      [
        'verdict',
        colors.outcome.inconclusive('no verdict: the run was interrupted or killed before it was judged;'),
      ],
      ['', `judge what was recorded with: ${judgeAgain}`],
    ],
    colors,
  );
}

function verdict(result: RunResult, colors: Palette): string {
  const paint = colors.outcome[result.outcome];
  const quality = result.quality === undefined ? '' : ` (${result.quality})`;
  const { undecided = [] } = result;
  return aligned(
    [
      ['verdict', `${paint(`${result.verdict}${quality}`)}: ${safeName(result.detail)}`],
      ['', safeSentence(result.explanation)],
      ...(result.degradedBy.length === 0
        ? []
        : [['degraded by', result.degradedBy.slice(0, LISTED).map(safeName).join(', ')] as const]),
      ...(undecided.length === 0
        ? []
        : [['not judged', undecided.slice(0, LISTED).map(safeName).join(', ')] as const]),
      ['outcome', `${paint(result.outcome)} (expected ${safeName(result.expected)})`],
      ['duration', seconds(result.durationMs)],
      ...(result.clone === undefined ? [] : [['start', startText(result.clone)] as const]),
      ...optional('vmcore', vmcoreText(result)),
      ...optional('guest', guestText(result)),
    ],
    colors,
  );
}

function optional(name: string, text: string | undefined): [string, string][] {
  return text === undefined ? [] : [[name, text]];
}

const MARKS = { observed: '*', read: '<', implied: '~', 'not-reached': '.' } as const;

function ladder(result: RunResult, colors: Palette): string {
  const { rungs, last, endMs, tailMs } = phaseLadder(result);
  const width = Math.max(...rungs.map(({ phase }) => phase.length));
  const line = (mark: string, name: string, atMs: number, stepMs: number, note: string) =>
    `  ${mark} ${name.padEnd(width)}  ${preciseSeconds(atMs).padStart(9)}  ${stepSeconds(stepMs).padStart(9)}  ${note}`;
  const end = colors.outcome[result.outcome](line('=', 'end of run', endMs, tailMs, verdictName(result)));
  const rows = rungs.flatMap((rung: Rung) => {
    if (rung.status === 'not-reached') {
      return [
        colors.dim(
          `  ${MARKS[rung.status]} ${rung.phase.padEnd(width)}  ${'-'.padStart(9)}  ${'-'.padStart(9)}  not reached`,
        ),
      ];
    }
    const row = line(MARKS[rung.status], rung.phase, rung.atMs, rung.sincePreviousMs, rung.status);
    return rung === last ? [row, end] : [row];
  });
  if (last === undefined) rows.unshift(end);
  const title = `${colors.bold('phases'.padEnd(width + 4))}  ${'at, s'.padStart(9)}  ${'step, s'.padStart(9)}`;
  return [title, ...rows].join('\n');
}

function evidence(result: RunResult, colors: Palette): string {
  const rows = result.evidence.slice(0, LISTED).map((item) => {
    const place = item.offset === undefined ? `line ${item.line ?? '?'}` : `byte ${item.offset}`;
    const where = `${item.source} ${place}`;
    return `  ${where.padEnd(18)}  ${preciseSeconds(item.atMs).padStart(9)}  ${safeName(item.what)}: ${safeSentence(excerptText(item.excerpt))}`;
  });
  return [colors.bold('evidence'), ...rows, ...more(result.evidence.length), ...none(rows)].join('\n');
}

function interrupts(state: InterruptState, colors: Palette): string {
  const lines = interruptStateLines(state).map((line) => `  ${safeSentence(line)}`);
  return [`${colors.bold('interrupts')}  right before firing`, ...lines].join('\n');
}

function consoleSection(bytes: Buffer, result: RunResult | undefined, colors: Palette): string {
  const excerpt = excerptOf(result, bytes);
  const where =
    excerpt.endsAt === 'evidence' ? 'around the last line that the verdict cites' : 'its last lines';
  const title = `${colors.bold('console')}  ${where}; ${bytes.length} bytes in console.bin, line@byte`;
  const places = excerpt.lines.map(({ number, offset }) => `${number}@${offset}`);
  const width = Math.max(0, ...places.map((place) => place.length));
  const rows = excerpt.lines.map(({ text }, index) =>
    `  ${colors.dim((places[index] ?? '').padStart(width))}  ${text}`.trimEnd(),
  );
  return [title, ...rows, ...none(rows)].join('\n');
}

const KERNELS = { production: 'first', capture: 'capture' } as const;

function logSections(
  logs: readonly KernelLog[],
  { consoleBytes, colors }: { readonly consoleBytes: Buffer; readonly colors: Palette },
): string[] {
  return silentLogs(logs, consoleBytes).map(({ side, lines, total }) => {
    const title = `${colors.bold('kernel log')}  of the ${KERNELS[side]} kernel, read from its memory: its console does not have all of it; the last ${lines.length} of ${total} lines`;
    return [title, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n');
  });
}

function fileSection(directory: string, files: readonly RunFile[], colors: Palette): string {
  const listed = files.slice(0, LISTED);
  const width = Math.max(0, ...listed.map(({ name }) => escapeHostText(name).length));
  const rows = listed.map(
    ({ name, sizeBytes }) =>
      `  ${escapeHostText(name).padEnd(width)}  ${String(sizeBytes).padStart(9)} bytes`,
  );
  const title = `${colors.bold('files')}  in ${escapeHostText(directory)}`;
  return [title, ...rows, ...more(files.length), ...none(rows)].join('\n');
}

function none(rows: readonly string[]): string[] {
  return rows.length === 0 ? ['  none'] : [];
}

function more(count: number): string[] {
  return count > LISTED ? [`  and ${count - LISTED} more`] : [];
}

/** Rows of `name  text`, with the texts aligned. */
function aligned(rows: readonly (readonly [name: string, text: string])[], colors: Palette): string {
  const width = 11;
  return rows.map(([name, text]) => `${colors.bold(name.padEnd(width))}  ${text}`).join('\n');
}
