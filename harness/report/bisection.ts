import { type Bisection, type Commit, type Guests, measuredTimes, type Tried } from '../bisection/state.js';
import { escapeHostText, foldLine } from '../model/escape.js';
import { shellQuote } from '../model/shell-words.js';
import { boundOfNone, rateInterval } from '../stats/binomial.js';
import { expectedFor, type Measured, stepsFor, WRONG } from '../stats/bisection.js';
import { percent } from '../stats/conclusion.js';
import { fisherExact } from '../stats/fisher.js';
import { palette, type TextOptions } from './paint.js';
import { type Column, textTable } from './text-table.js';
import { countOf, roughly } from './words.js';

const SHORT = 12;
/** Columns of the subject of a commit in the table. */
const SUBJECT_WIDTH = 38;
/** Rates for which a bisection that measured nothing yet is described. */
const EXAMPLE_RATES = [1, 0.5, 0.1];

/** Trials with the bad outcome of those that could be judged. */
interface Rate extends Measured {
  readonly interval: readonly [lower: number, upper: number] | undefined;
}

/** The part of the path that tested one commit. */
interface Row {
  readonly step: string;
  readonly tried: Tried;
}

/** A bisection for scripts; names are stable within a schema version. Pure. */
export function bisectionObject(bisection: Bisection, directory: string): Record<string, unknown> {
  const { schema, name, asked, commits, controls, end } = bisection;
  const rates = ratesOf(bisection);
  return {
    schema,
    bisection: name,
    tree: asked.tree,
    scenario: asked.scenario.name,
    commits,
    badOutcomes: controls?.signature.bad ?? [],
    goodOutcomes: controls?.signature.good ?? [],
    wrongAtMost: WRONG,
    path: rowsOf(bisection).map(({ step, tried }) => ({
      step,
      commit: tried.commit,
      build: tried.build ?? null,
      trialSeconds: tried.ran.seconds,
      ...rateOf(tried),
      undecided: tried.counts?.undecided ?? 0,
      harnessErrors: tried.counts?.harnessErrors ?? 0,
      goodAfter: tried.goods ?? null,
      verdict: tried.verdict ?? null,
      why: tried.why ?? null,
    })),
    end: end ?? null,
    before: rates.before,
    after: rates.after,
    pValue: rates.pValue,
    reproduce: commandsOf(bisection, directory),
    directory,
  };
}

/** What is known before anything runs, and what is to be expected; the answer of --dry-run. Pure. */
export function planText(bisection: Bisection): string {
  const { asked, commits, good, bad, controls, steps } = bisection;
  const times = measuredTimes(bisection);
  const lines = [
    `tree       ${escapeHostText(asked.tree)}`,
    `good       ${commitText(good.commit)}`,
    `bad        ${commitText(bad.commit)}`,
    `scenario   ${escapeHostText(asked.scenario.name)}`,
    `between    ${countOf(commits, 'commit')}, about ${countOf(stepsFor(commits), 'step')}`,
    'controls   at both ends in turn, until the bad end has shown 5 bad outcomes; the rate is taken from there',
  ];
  if (controls === undefined) {
    for (const rate of EXAMPLE_RATES) {
      const { goods, trials } = expectedFor(commits, rate);
      const ends = 2 * Math.ceil(5 / rate);
      lines.push(
        `rate ${percent(rate).padEnd(6)}about ${countOf(ends, 'trial')} at the ends; a commit is good after ${countOf(goods, 'trial')} without a bad outcome or a few more; about ${trials} in all steps`,
      );
    }
  } else {
    lines.push(...expectationLines(bisection));
  }
  if (times.trial === undefined) {
    lines.push('time       not measured yet: it is said after the controls');
  } else if (controls === undefined || steps.length > 0) {
    lines.push(`time       measured: ${timesText(bisection)}`);
  }
  lines.push(
    `wrong      with a probability of at most ${percent(WRONG)}, when good commits never show a bad outcome`,
  );
  return lines.join('\n');
}

/** What the controls showed, and what follows for the steps, one line each. Pure. */
export function expectationLines(bisection: Bisection): string[] {
  const { controls, commits, good } = bisection;
  if (controls === undefined) return [];
  const { measured, signature } = controls;
  const { steps, goods, trials } = expectedFor(commits, measured);
  const times = measuredTimes(bisection);
  const total =
    times.trial === undefined ? undefined : trials * times.trial + steps * (times.build ?? times.trial);
  const judged = good.counts?.good ?? 0;
  return [
    `bad is     ${signature.bad.join(' or ')}: in ${measured.bad} of ${measured.judged} trials of the bad end${intervalText(measured)}; in 0 of ${judged} of the good end`,
    `steps      about ${steps}, ${trials} trials: one bad trial makes a commit bad, ${goods} without one make it good${total === undefined ? '' : `; about ${roughly(total * 1000)} (${timesText(bisection)})`}`,
  ];
}

function timesText(bisection: Bisection): string {
  const { build, trial } = measuredTimes(bisection);
  const parts = [
    ...(trial === undefined ? [] : [`${trial.toFixed(0)} s a trial`]),
    ...(build === undefined ? [] : [`${build.toFixed(0)} s a build`]),
  ];
  return parts.join(', ');
}

/**
 * The bisection for people: the path as a table, why commits were skipped, the end, the rates before and after, and the
 * commands to reproduce it. No newline at the end. Pure.
 */
export function bisectionText(
  bisection: Bisection,
  { directory, ...options }: TextOptions & { readonly directory: string },
): string {
  const colors = palette(options);
  const rows = rowsOf(bisection);
  const skipped = rows.flatMap(({ step, tried }) =>
    tried.why === undefined ? [] : [`step ${step} skipped: ${escapeHostText(tried.why)}`],
  );
  return [
    colors.bold(`${escapeHostText(bisection.asked.scenario.name)}: ${bisection.name}`),
    ...pathTable(rows, colors),
    ...skipped,
    '',
    ...endLines(bisection, colors),
    '',
    'to reproduce:',
    ...commandsOf(bisection, directory).map((command) => `  ${command}`),
    '',
    ...[
      'rate: bad / judged trials, with the two-sided Clopper-Pearson interval; undecided trials are not judged',
      `wrong with a probability of at most ${percent(WRONG)} over all steps, when good commits never show a bad outcome`,
    ].map(colors.dim),
  ].join('\n');
}

const COLUMNS: readonly Omit<Column, 'width'>[] = [
  { title: 'STEP', align: 'left' },
  { title: 'COMMIT', align: 'left' },
  { title: 'SUBJECT', align: 'left' },
  { title: 'BUILD', align: 'right' },
  { title: 'BAD/JUDGED', align: 'right' },
  { title: '95 % INTERVAL', align: 'right' },
  { title: 'VERDICT', align: 'left' },
];

function pathTable(rows: readonly Row[], colors: ReturnType<typeof palette>): string[] {
  const cells = rows.map(({ step, tried }) => {
    const rate = rateOf(tried);
    const undecided = tried.counts?.undecided ?? 0;
    const verdict = tried.verdict ?? 'not decided';
    return [
      step,
      tried.commit.commit.slice(0, SHORT),
      foldLine(escapeHostText(tried.commit.subject), SUBJECT_WIDTH - 3),
      buildText(tried),
      rate.judged === 0 ? '' : `${rate.bad}/${rate.judged}`,
      rate.interval?.map(percent).join(' to ') ?? '',
      undecided === 0 ? verdict : `${verdict} (${undecided} undecided)`,
    ];
  });
  const columns = COLUMNS.map((column, index) => ({
    ...column,
    width: Math.max(column.title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  }));
  const painted = cells.map((row, index) => {
    const verdict = rows[index]?.tried.verdict;
    const paint =
      verdict === 'bad'
        ? colors.outcome.unexpected
        : verdict === 'good'
          ? colors.outcome.expected
          : colors.outcome.inconclusive;
    return row.map((text, column) => [column === row.length - 1 ? { text, paint } : { text }]);
  });
  return textTable(columns, painted, colors.bold);
}

function buildText({ build }: Tried): string {
  if (build === undefined) return '';
  return build.reused ? 'kept' : `${build.seconds.toFixed(0)} s`;
}

function endLines(bisection: Bisection, colors: ReturnType<typeof palette>): string[] {
  const { end, controls } = bisection;
  switch (end?.kind) {
    case undefined:
      return ['not finished'];
    case 'refused':
      return [colors.outcome.inconclusive(`not bisected: ${escapeHostText(end.why)}`)];
    case 'fixed-between':
      return [
        colors.outcome.inconclusive(`no first bad commit: the merge base is bad`),
        `  ${commitText(end.commit)}`,
        'the good end is no descendant of it: what is bad there was fixed on the way to the good end',
      ];
    case 'candidates': {
      const listed = end.commits.map((commit) => `  ${commitText(commit)}`);
      const more = end.more === 0 ? [] : [`  and ${end.more} more`];
      const first = `the first bad commit is one of ${end.commits.length + end.more}: the others of them were skipped`;
      return [colors.outcome.inconclusive(first), ...listed, ...more, ...rateLines(bisection)];
    }
    case 'found': {
      const { commit } = end;
      const outcomes = controls?.signature.bad.join(' or ') ?? '';
      const isMerge = commit.parents.length > 1;
      return [
        colors.outcome.unexpected(`first bad commit: ${commitText(commit)}`),
        `  ${escapeHostText(commit.author)}, ${escapeHostText(commit.date)}`,
        ...(isMerge
          ? [
              `  a merge of ${commit.parents.length} parents: none of the commits that it merges is bad by itself`,
            ]
          : []),
        `  ${outcomes} shows from it on`,
        ...rateLines(bisection),
      ];
    }
  }
}

function rateLines(bisection: Bisection): string[] {
  const { before, after, pValue } = ratesOf(bisection);
  const none =
    before.bad === 0 && before.judged > 0
      ? `; a rate below ${percent(boundOfNone(before.judged))} would be missed`
      : '';
  return [
    `before it: bad in ${before.bad} of ${before.judged} trials of good commits${intervalText(before)}${none}`,
    `from it on: bad in ${after.bad} of ${after.judged} trials of bad commits${intervalText(after)}`,
    ...(pValue === null
      ? []
      : [`p = ${Number(pValue.toPrecision(2))} (Fisher's exact test, two-sided, for these two)`]),
  ];
}

function intervalText({ bad, judged }: Measured): string {
  const interval = rateInterval(bad, judged);
  return interval === undefined ? '' : ` (${interval.map(percent).join(' to ')})`;
}

/** The commands that show again what the bisection says. */
function commandsOf(bisection: Bisection, directory: string): string[] {
  const { asked, end, good, bad, steps, name } = bisection;
  const done = [good, bad, ...steps];
  const lastGood = done.findLast(({ verdict }) => verdict === 'good') ?? good;
  const firstBad =
    end?.kind === 'found' ? (done.find(({ commit }) => commit.commit === end.commit.commit) ?? bad) : bad;
  const trials = steps.findLast(({ goods }) => goods !== undefined)?.goods;
  const run = ({ build }: Tried) =>
    build === undefined
      ? []
      : [
          shellQuote([
            ...['crashpath', 'run', asked.scenarioNamed, '-k', build.kernel],
            ...guestWords(asked.guests),
            ...(trials === undefined ? [] : ['--repeat', String(trials)]),
          ]),
        ];
  const config = asked.configSha256 === undefined ? [] : ['--config', `${directory}/config`];
  const commit = ['--tree', asked.tree, '--commit', firstBad.commit.commit];
  return [
    shellQuote(['crashpath', 'kernel', 'build', 'stock', ...commit, ...config]),
    ...run(firstBad),
    ...run(lastGood),
    shellQuote([
      'crashpath',
      'show',
      `${name}/${firstBad.commit.commit.slice(0, SHORT)}-001`,
      '--out',
      parentOf(directory),
    ]),
    shellQuote(['git', '-C', asked.tree, 'bisect', 'replay', `${directory}/bisect.log`]),
  ];
}

function parentOf(directory: string): string {
  return directory.replace(/\/[^/]*$/, '') || '/';
}

/** The options of the guests, as they are spelled. */
function guestWords(guests: Guests): string[] {
  return Object.entries(guests).flatMap(([name, value]) => {
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return values.flatMap((one) => [option, String(one)]);
  });
}

function rowsOf({ good, bad, steps }: Bisection): Row[] {
  return [
    { step: 'good', tried: good },
    { step: 'bad', tried: bad },
    ...steps.map((tried, index) => ({ step: String(index + 1), tried })),
  ];
}

function rateOf({ counts }: Tried): Rate {
  const { bad = 0, good = 0 } = counts ?? {};
  return { bad, judged: bad + good, interval: rateInterval(bad, bad + good) };
}

/** The trials of all commits that are good, and of all that are bad. */
function ratesOf({ good, bad, steps }: Bisection): { before: Rate; after: Rate; pValue: number | null } {
  const sum = (verdict: 'good' | 'bad') => {
    const tried = [good, bad, ...steps].filter((one) => one.verdict === verdict).map(rateOf);
    const [bads, judged] = [
      tried.reduce((total, one) => total + one.bad, 0),
      tried.reduce((total, one) => total + one.judged, 0),
    ];
    return { bad: bads, judged, interval: rateInterval(bads, judged) };
  };
  const [before, after] = [sum('good'), sum('bad')];
  const isKnown = before.judged > 0 && after.judged > 0;
  const pValue = isKnown
    ? fisherExact(
        { failures: before.bad, judged: before.judged },
        { failures: after.bad, judged: after.judged },
      )
    : null;
  return { before, after, pValue };
}

function commitText({ commit, subject }: Commit): string {
  return `${commit.slice(0, SHORT)} ${escapeHostText(subject)}`;
}
