import type { LogCrash, LogReport, ShownCause, UnarmedBoot } from '../console-log/log-report.js';
import { escapeGuestText, escapeHostText } from '../model/escape.js';
import { functionsOf } from '../timeline/cpu-stacks.js';
import { type Palette, palette, type TextOptions } from './paint.js';

const WIDTH = 11;
/** Functions of a stack on one line. */
const FUNCTIONS = 16;

/** The text of `crashpath read`: one log, its crashes in order; ends with a newline. Pure. */
export function logText(report: LogReport, { color }: TextOptions): string {
  const colors = palette({ color });
  const name = escapeHostText(report.log);
  const crashes = report.crashes.length + report.moreCrashes;
  const head = `${colors.bold(name)}: ${counted(report.lines, 'line')}, ${counted(report.boots, 'boot')}, ${crashes === 0 ? 'no crash' : counted(crashes, 'crash', 'crashes')}`;
  const sections = report.crashes.map((crash, index) => crashText(crash, { name, colors, index, crashes }));
  const more =
    report.moreCrashes === 0 ? [] : [`and ${counted(report.moreCrashes, 'more crash', 'more crashes')}`];
  const unarmed = report.unarmed.map((boot) => unarmedText(boot, { name, colors }));
  return `${[head, ...sections, ...more, ...unarmed].join('\n\n')}\n`;
}

function unarmedText(
  { boot, release, causes }: UnarmedBoot,
  { name, colors }: Pick<Around, 'name' | 'colors'>,
) {
  return rowsText(
    [
      ['no crash', `boot ${boot}, ${releaseText(release)}: a crash would leave no dump`],
      ...titled('causes', causeLines(causes, { name, colors })),
    ],
    colors,
  );
}

interface Around {
  readonly name: string;
  readonly colors: Palette;
  readonly index: number;
  readonly crashes: number;
}

function crashText(crash: LogCrash, { name, colors, index, crashes }: Around): string {
  const paint = colors.outcome[crash.verdict === 'undetermined' ? 'inconclusive' : 'unexpected'];
  const at = (line: number) => `${name}:${line}`;
  const rows: (readonly [title: string, text: string])[] = [
    [
      'crash',
      `${index + 1} of ${crashes}: boot ${crash.boot}, ${kernelText(crash)}, lines ${crash.lines.first} to ${crash.lines.last}`,
    ],
    ['verdict', `${paint(crash.verdict)}: ${crash.detail}`],
    ['', crash.explanation],
    ...titled('to decide', crash.toDecide),
    ...titled(
      'ladder',
      crash.phases.map(({ phase, how, line }) =>
        how === 'implied' ? `${phase.padEnd(18)} implied` : `${phase.padEnd(18)} ${at(line)}`,
      ),
    ),
    ...titled(
      'lines',
      crash.evidence.map(({ line, text }) => `${at(line)}  ${text}`),
    ),
    ...titled(
      'stacks',
      crash.stacks.map(({ line, cpu, comm, frames }) => {
        const who = `${cpu === undefined ? 'CPU ?' : `CPU ${cpu}`}${comm === undefined ? '' : ` (${escapeGuestText(comm, 32)})`}`;
        const names = functionsOf({ frames })
          .slice(0, FUNCTIONS)
          .map((text) => escapeGuestText(text, 64));
        return `${at(line)}  ${who}: ${names.join(' < ')}${frames.length > FUNCTIONS ? ' < ...' : ''}`;
      }),
    ),
    ...titled('causes', causeLines(crash.causes, { name, colors })),
    ...titled(
      'next',
      crash.next.flatMap(({ command, why }) => [command, `  ${why}`]),
    ),
  ];
  return rowsText(rows, colors);
}

function causeLines(
  causes: readonly ShownCause[],
  { name, colors }: Pick<Around, 'name' | 'colors'>,
): string[] {
  return causes.flatMap(({ name: cause, what, remedy, source, line, text }) => [
    `${colors.bold(cause)}: ${what}`,
    `  ${name}:${line}  ${text}`,
    `  do: ${remedy}`,
    `  source: ${source}`,
  ]);
}

function rowsText(rows: readonly (readonly [title: string, text: string])[], colors: Palette): string {
  return rows.map(([title, text]) => `${colors.bold(title.padEnd(WIDTH))}  ${text}`.trimEnd()).join('\n');
}

function releaseText(release: string | undefined): string {
  return release === undefined ? 'an unknown kernel' : escapeGuestText(release, 64);
}

function kernelText({ release, kernel, loaded }: LogCrash): string {
  const begins =
    kernel === 'unknown'
      ? ' (its beginning is not in the log)'
      : kernel === 'capture'
        ? ' (capture kernel)'
        : '';
  const crashKernel =
    loaded === undefined ? '' : loaded ? ', crash kernel loaded' : ', no crash kernel loaded';
  return `${releaseText(release)}${begins}${crashKernel}`;
}

function titled(title: string, texts: readonly string[]): (readonly [string, string])[] {
  return texts.map((text, index) => [index === 0 ? title : '', text]);
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
