import { escapeGuestText } from '../model/escape.js';
import { type Palette, palette, type TextOptions } from './paint.js';
import type { DiffLine, Differing, Hunk, PhasePair, RunDiff } from './run-diff.js';
import { countOf, preciseSeconds, safeName, safeSentence, shellWord, stepSeconds } from './words.js';

/** Options of {@link runDiffText}. */
export interface RunDiffTextOptions extends TextOptions {
  /** Directories of the two runs, as the user may type them. */
  readonly left: string;
  readonly right: string;
  /** Print every line; a stretch that only one run has is folded otherwise. */
  readonly full: boolean;
}

/** Lines of one side of a hunk that are printed at its beginning, and at its end, when it is folded. */
const HEAD = 8;
const TAIL = 4;

/** Longest value of a plan that is printed, characters. */
const VALUE_CHARACTERS = 160;

/** What differs between two runs, for people, in the signs of diff(1). No newline at the end. Pure. */
export function runDiffText(diff: RunDiff, options: RunDiffTextOptions): string {
  const colors = palette(options);
  const { console } = diff;
  const sections = [
    [
      colors.outcome.unexpected(`--- ${shellWord(options.left)}`),
      colors.outcome.expected(`+++ ${shellWord(options.right)}`),
    ],
    facetLines('plan', diff.plan, colors),
    facetLines('verdict', diff.verdict, colors),
    phaseLines(diff.phases, colors),
    facetLines('state', diff.state, colors),
    consoleLines(diff, { colors, full: options.full }),
    diff.same
      ? [
          colors.outcome.expected(
            `the runs differ in nothing but times${console.moved + console.incidental > 0 ? ' and chance' : ''}`,
          ),
        ]
      : [],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function facetLines(title: string, facets: readonly Differing[], colors: Palette): string[] {
  if (facets.length === 0) return [];
  return [
    colors.bold(title),
    ...facets.flatMap(({ name, left, right }) => [
      `  ${safeName(name)}`,
      ...(left === undefined ? [] : [colors.outcome.unexpected(`    - ${valueText(name, left)}`)]),
      ...(right === undefined ? [] : [colors.outcome.expected(`    + ${valueText(name, right)}`)]),
    ]),
  ];
}

function valueText(name: string, value: string): string {
  if (/sha256$/i.test(name)) return safeName(value.slice(0, 12));
  return value === ''
    ? '(none)'
    : name === 'explanation'
      ? safeSentence(value)
      : escapeGuestText(value, VALUE_CHARACTERS);
}

function phaseLines(phases: readonly PhasePair[], colors: Palette): string[] {
  if (phases.length === 0) return [];
  const width = Math.max(...phases.map(({ phase }) => phase.length));
  const time = (ms: number | undefined) => (ms === undefined ? '-' : preciseSeconds(ms)).padStart(10);
  return [
    colors.bold('phases, seconds since the start'),
    ...phases.map(({ phase, leftMs, rightMs, differs }) => {
      const step = leftMs === undefined || rightMs === undefined ? '' : `  ${stepSeconds(rightMs - leftMs)}`;
      const line = `${differs ? '!' : ' '} ${phase.padEnd(width)}${time(leftMs)}${time(rightMs)}${step}`;
      return differs ? colors.bold(line) : line;
    }),
  ];
}

function consoleLines({ console }: RunDiff, { colors, full }: { colors: Palette; full: boolean }): string[] {
  const { hunks, moved, incidental, isSummary, leftLines, rightLines, unshown } = console;
  const apart = [
    ...(unshown.left + unshown.right === 0
      ? []
      : [
          `behind the first ${Math.max(leftLines, rightLines)} lines ${unshown.differ ? 'they differ' : 'nothing differs'}, ${unshown.left} and ${unshown.right} lines`,
        ]),
    ...(moved === 0 ? [] : [`${countOf(moved, 'line')} in another order`]),
    ...(incidental === 0
      ? []
      : [`${countOf(incidental, 'line')} about clocks and unreliable frames left out`]),
  ];
  if (hunks.length === 0) return apart.length === 0 ? [] : [`${colors.bold('console')}: ${apart.join(', ')}`];
  const changed = (side: 'left' | 'right') => hunks.reduce((sum, hunk) => sum + hunk[side].length, 0);
  const counts = `${changed('left')} of ${countOf(leftLines, 'line')} removed, ${changed('right')} of ${rightLines} added`;
  return [
    `${colors.bold('console')}: ${[counts, ...apart].join(', ')}`,
    ...(isSummary
      ? ['  the consoles differ too much for an exact comparison: lines that the other lacks, once each']
      : []),
    ...hunks.flatMap((hunk) => hunkLines(hunk, { colors, full })),
  ];
}

function hunkLines(
  { left, right, after }: Hunk,
  { colors, full }: { colors: Palette; full: boolean },
): string[] {
  const start = left[0]?.number ?? after?.number ?? 0;
  return [
    colors.dim(`@@ -${start},${left.length} +${right[0]?.number ?? 0},${right.length} @@`),
    ...(after === undefined ? [] : [colors.dim(`  ${textOf(after)}`)]),
    ...folded(left, full).map((line) => colors.outcome.unexpected(`- ${line}`)),
    ...folded(right, full).map((line) => colors.outcome.expected(`+ ${line}`)),
  ];
}

function folded(lines: readonly DiffLine[], full: boolean): string[] {
  if (full || lines.length <= HEAD + TAIL + 1) return lines.map(textOf);
  const hidden = lines.length - HEAD - TAIL;
  return [
    ...lines.slice(0, HEAD).map(textOf),
    `... ${countOf(hidden, 'more line')}; --full shows them`,
    ...lines.slice(-TAIL).map(textOf),
  ];
}

function textOf({ text }: DiffLine): string {
  return escapeGuestText(text);
}
