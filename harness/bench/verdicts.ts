#!/usr/bin/env node
/** `npm run bench:verdicts`: runs the zoo (images/zoo.yaml) and compares each verdict with its truth. docs/zoo.md. */
import { join, relative } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { z } from 'zod';
import { beginCampaign, freshCampaignName } from '../cli/actions/campaigns.js';
import { PACKAGE_ROOT, prepareOptions, say } from '../cli/context.js';
import { factor, nonEmpty } from '../cli/words/option-values.js';
import { single } from '../cli/words/shared-options.js';
import { EXIT, usageFault } from '../model/fault.js';
import { isCutOff, type RunResult } from '../model/result.js';
import { readRuns } from '../store/campaign-directory.js';
import { readRecording } from '../store/read-recording.js';
import { rejudge } from '../store/rejudge.js';
import { readJson, writeJson } from '../store/stored-file.js';
import { carryOut } from './carry-out.js';
import { type JudgedRow, judgeRow, unrunRow } from './judge.js';
import { provedAfterMs } from './latency.js';
import { withLoad } from './load.js';
import { benchText } from './matrix.js';
import { planRows } from './plan-rows.js';
import { parseRotation, rotated } from './rotation.js';
import { benchOptions, openPlans, runRest } from './run-rest.js';
import { readZoo, type ZooRow } from './zoo.js';

/** Beside the campaign's own files: its rows, and those that could not run. */
const ZOO_FILE = 'zoo.json';
const StoredZooSchema = z.object({
  rows: z.array(z.string()),
  unrun: z.array(z.object({ name: z.string(), why: z.string() })),
});

/** A row whose run shows nothing because the host was too busy is tried again, so often in all. */
const MOST_ROUNDS = 3;
const isStarved = ({ verdict, detail }: RunResult) => verdict === 'cannot-tell' && detail === 'host-starved';

await carryOut('bench:verdicts', async () => {
  const argv = await wordsOf(hideBin(process.argv));
  const zoo = await readZoo(PACKAGE_ROOT);
  const directory = argv.resume ?? (await begin(zoo, argv));
  const caught = await withLoad(argv.stress ?? 0, () => runRows(directory, argv));
  const rows = await judgedRows(directory, zoo);
  const open = (await openPlans(directory)).length;
  const text = argv.json ? JSON.stringify({ directory, open, rows }) : benchText(rows);
  process.stdout.write(`${text}\n`);
  if (open > 0) say(`${open} rows left: npm run bench:verdicts -- --resume ${relative('.', directory)}`);
  if (caught !== undefined) return 128 + caught;
  return rows.every(({ ok }) => ok) ? EXIT.expected : EXIT.unexpected;
});

type Words = Awaited<ReturnType<typeof wordsOf>>;

/** Runs the rows; what the host did not let the run tell is tried again. Returns the number of a signal, if one came. */
async function runRows(directory: string, argv: Words): Promise<number | undefined> {
  let caught = await runRest(directory, argv);
  for (let round = 1; round < MOST_ROUNDS && caught === undefined; round++) {
    if (argv.limit !== undefined || (await openPlans(directory, isStarved)).length === 0) break;
    caught = await runRest(directory, argv, isStarved);
  }
  return caught;
}

function wordsOf(words: readonly string[]) {
  return benchOptions(yargs([...words]).scriptName('npm run bench:verdicts --'))
    .option('only', {
      ...single(nonEmpty('--only')),
      describe: 'Rows whose name matches this regular expression',
    })
    .option('rotate', {
      ...single(nonEmpty('--rotate')),
      describe: 'A part of the rows: N/M, or today/M for another one each day',
    })
    .option('kernel', {
      ...single(nonEmpty('--kernel')),
      describe: 'Spec of the seeded kernel (default: seeded, which is built)',
    })
    .option('timeout-scale', {
      ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
      describe: 'Factor on every deadline',
    })
    .option('json', {
      type: 'boolean',
      default: false,
      describe: 'Print {rows: [...]} instead of the matrix',
    })
    .parseAsync();
}

/** Plans the chosen rows and writes them down. Returns the campaign's directory. */
async function begin(
  zoo: readonly ZooRow[],
  { only, rotate, kernel, timeoutScale, out }: Words,
): Promise<string> {
  const part = rotate === undefined ? zoo : rotated(zoo, parseRotation(rotate, new Date()));
  const rows = only === undefined ? part : named(part, only);
  const name = freshCampaignName(new Date(), 'zoo');
  let unrun: { name: string; why: string }[] = [];
  const choices = { seeded: kernel ?? 'seeded', timeoutScale };
  const plan = async () => {
    const planned = await planRows(rows, choices, { ...prepareOptions(), campaign: name });
    unrun = [...planned.unrun];
    return [...planned.plans];
  };
  const { directory } = await beginCampaign({ name, out, plan });
  await writeJson(join(directory, ZOO_FILE), { rows: rows.map((row) => row.name), unrun });
  return directory;
}

function named(rows: readonly ZooRow[], text: string): ZooRow[] {
  let pattern: RegExp;
  try {
    pattern = new RegExp(text);
  } catch (error) {
    throw usageFault(`cannot use --only "${text}": it is no regular expression; try ^slow-`, error);
  }
  const found = rows.filter(({ name }) => pattern.test(name));
  if (found.length > 0) return found;
  throw usageFault(`cannot use --only "${text}": no row has such a name; see images/zoo.yaml`);
}

/** Judges what the directory holds: rows that ran to their end, and those that could not run. */
async function judgedRows(directory: string, zoo: readonly ZooRow[]): Promise<JudgedRow[]> {
  const stored = StoredZooSchema.safeParse(await readJson(join(directory, ZOO_FILE)));
  if (!stored.success) {
    throw usageFault(
      `cannot read bench "${directory}": it has no valid ${ZOO_FILE}; name a directory that bench:verdicts made`,
    );
  }
  const runs = await readRuns(directory);
  const rows: JudgedRow[] = [];
  for (const row of zoo.filter(({ name }) => stored.data.rows.includes(name))) {
    const unrun = stored.data.unrun.find(({ name }) => name === row.name);
    if (unrun !== undefined) rows.push(unrunRow(row, unrun.why));
    const run = runs.findLast(({ result }) => result?.scenario === row.name && !isCutOff(result));
    if (run?.result === undefined) continue;
    const { events } = await rejudge(run.directory);
    rows.push(judgeRow(row, run.result, provedAfterMs(await readRecording(run.directory), events)));
  }
  return rows;
}
