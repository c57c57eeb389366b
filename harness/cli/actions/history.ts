import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { ArgumentsCamelCase } from 'yargs';
import { readHistory } from '../../history/read-history.js';
import { EXIT, usageFault } from '../../model/fault.js';
import { escapeHostText } from '../../model/escape.js';
import { nearest } from '../../model/nearest.js';
import { historyObject } from '../../report/history-json.js';
import { historyText, type ShownChange, type ShownHistory } from '../../report/history-text.js';
import { repeatCommand } from '../../report/repeat-command.js';
import {
  type CellHistory,
  cellHistories,
  type CellPoints,
  type RateChange,
  runsToSee,
} from '../../stats/cell-history.js';
import { readPlan } from '../../store/run-directory.js';
import { complain, say, wantsBlocks, wantsColor } from '../context.js';
import { outDirectory } from '../directories.js';
import type { HistoryOptions } from '../words/history.js';
import { acrossKernels, cellNames, chosenCells } from './choose-cells.js';

/** Prints the history of the chosen cells. Returns the exit code. */
export async function printHistory(argv: ArgumentsCamelCase<HistoryOptions>): Promise<number> {
  const out = outDirectory(argv.out);
  if ((await stat(out).catch(() => undefined))?.isDirectory() !== true) {
    throw usageFault(
      `cannot read the history of "${escapeHostText(argv.out)}": there is no such directory; name one that holds campaigns with --out`,
    );
  }
  const { cells: all } = readHistory(out, {
    rebuild: argv.rebuild,
    onMessage: (message) => complain(`crashpath: ${message}`),
    onRead: (runs) => say(`history: ${runs} runs read`),
  });
  const cells = chosen(all, argv);
  if (cells.length === 0) {
    say(`no trials in ${argv.out}`);
    return EXIT.inconclusive;
  }
  const histories = await Promise.all(cellHistories(cells).map((history) => completed(history, out)));
  if (argv.json)
    for (const history of histories) process.stdout.write(`${JSON.stringify(historyObject(history))}\n`);
  else {
    const options = { color: wantsColor(process.stdout), unicode: wantsBlocks(process.stdout) };
    process.stdout.write(`${historyText(histories.map(fromHere), options)}\n`);
  }
  if (argv.failOn !== undefined && histories.some(({ trend }) => trend === 'regressed'))
    return EXIT.unexpected;
  return histories.every(({ trend }) => trend === 'cannot-tell') ? EXIT.inconclusive : EXIT.expected;
}

/** The cells that the options choose. Throws a usage fault when CELL or an option fits none although there are some. */
function chosen(all: readonly CellPoints[], argv: ArgumentsCamelCase<HistoryOptions>): CellPoints[] {
  const cells = chosenCells(argv.acrossKernels ? acrossKernels(all) : all, argv);
  if (cells.length > 0 || all.length === 0) return cells;
  const { cell = argv.scenario } = argv;
  const [near] =
    cell === undefined
      ? []
      : nearest(
          cell,
          all.flatMap((one) => cellNames(one.cell)),
        );
  const asked = [
    ...(argv.cell === undefined ? [] : [argv.cell]),
    ...(['scenario', 'kernel', 'machine', 'accel'] as const).flatMap((name) =>
      argv[name] === undefined ? [] : [`--${name} ${argv[name]}`],
    ),
    ...(argv.since === undefined ? [] : [`--since ${argv.since.toISOString()}`]),
  ].join(' ');
  throw usageFault(
    `cannot show the history of "${escapeHostText(asked)}": no cell fits; ${near === undefined ? 'see crashpath history for all of them' : `did you mean "${escapeHostText(near)}"?`}`,
  );
}

async function completed(history: CellHistory, out: string): Promise<ShownHistory> {
  const changes = await Promise.all(history.changes.map((change) => completedChange(change, out)));
  return { ...history, changes };
}

/** Paths as a person would type them. */
function fromHere(history: ShownHistory): ShownHistory {
  const near = (directory: string | undefined) =>
    directory === undefined ? undefined : relative('.', directory);
  const changes = history.changes.map(({ badDirectory, goodDirectory, ...change }) => ({
    ...change,
    badDirectory: near(badDirectory),
    goodDirectory: near(goodDirectory),
  }));
  return { ...history, changes };
}

/** Finds the runs of both sides of a change, and how the failure is reproduced. */
async function completedChange(change: RateChange, out: string): Promise<ShownChange> {
  const [good, bad] = change.direction === 'rose' ? [change.last, change.first] : [change.first, change.last];
  const directoryOf = (campaign: string, run: string | undefined) =>
    run === undefined ? undefined : join(out, campaign, run);
  const badDirectory = directoryOf(bad.campaign, bad.failedRun);
  const goodDirectory = directoryOf(good.campaign, good.goodRun);
  const plan = badDirectory === undefined ? undefined : await readPlan(badDirectory).catch(() => undefined);
  const runs = runsToSee(change.direction === 'rose' ? change.after : change.before);
  return {
    ...change,
    badDirectory,
    goodDirectory,
    reproduce: plan === undefined ? undefined : repeatCommand(plan, { runs }),
  };
}
