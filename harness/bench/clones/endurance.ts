#!/usr/bin/env node
/**
 * `npm run bench:endurance`: a long campaign of clones, watched from outside for what it leaks. docs/campaigns.md.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { print, say } from '../../cli/context.js';
import { nonEmpty, wholeNumber } from '../../cli/words/option-values.js';
import { single } from '../../cli/words/shared-options.js';
import { EXIT } from '../../model/fault.js';
import { type RunResult, RunResultSchema } from '../../model/result.js';
import { templateOf } from '../../model/start.js';
import { carryOut } from '../carry-out.js';
import {
  type CampaignProcess,
  endBySignals,
  processesIn,
  startCampaign,
  watchSharedMemory,
} from './campaign-process.js';
import { growthOf, type Holdings, holdingsUntil } from './holdings.js';
import { wrongInCampaign } from './stranger.js';

const RUNS = 1000;
const LOOK_EVERY_MS = 1_000;
const ROWS = 10;
/** Printed one by one. */
const MOST_WRONG = 20;

endBySignals();
await carryOut('bench:endurance', async () => {
  const words = await yargs(hideBin(process.argv))
    .scriptName('npm run bench:endurance --')
    .option('runs', {
      ...single(wholeNumber('--runs', { least: 20, most: 100_000 })),
      describe: `Default ${RUNS}`,
    })
    .option('scenario', { ...single(nonEmpty('--scenario')), describe: 'Default sysrq-task' })
    .option('kernel', { ...single(nonEmpty('--kernel')), alias: 'k', describe: 'Default stock (built)' })
    .option('jobs', { ...single(wholeNumber('--jobs', { least: 1, most: 16 })), describe: 'Default 2' })
    .option('verdict', {
      ...single(nonEmpty('--verdict')),
      describe: 'What each run must come to. Default captured',
    })
    .option('vmcore', {
      ...single(nonEmpty('--vmcore')),
      describe: 'As for crashpath run',
    })
    .option('keep', { type: 'boolean', default: false, describe: 'Keep the campaign' })
    .strict()
    .parseAsync();
  const { runs = RUNS, scenario = 'sysrq-task', kernel = 'stock', jobs = 2, verdict = 'captured' } = words;
  const out = await mkdtemp(join(tmpdir(), 'crashpath-endurance-'));
  say(`campaign in ${out}`);
  const lostShared = await watchSharedMemory();
  const began = performance.now();
  const crashpath = startCampaign([
    ...['run', scenario, '-k', kernel, '--repeat', String(runs), '--jobs', String(jobs)],
    ...['--json', '--out', out, '--name', 'endurance'],
    ...(words.vmcore === undefined ? [] : ['--vmcore', words.vmcore]),
  ]);
  const seen = await watch(crashpath, { runs });
  const exitCode = await crashpath.ended;
  const minutes = (performance.now() - began) / 60_000;
  const lines = crashpath.printed();
  const results = lines.map((line) => RunResultSchema.parse(JSON.parse(line)));
  const wrong = [
    ...(await wrongInCampaign(join(out, 'endurance'), { printed: lines, isComplete: true })),
    ...results.filter((one) => one.verdict !== verdict).map((one) => `${one.runId}: ${one.explanation}`),
    ...(await leftIn(out)),
    ...(await lostShared()),
  ];
  const growth = growthOf(seen, { runs });
  if (growth === undefined) wrong.push('the campaign was too short to be looked at');
  for (const { kind, before, after, leaks } of growth ?? []) {
    const tell = leaks === undefined ? '; too few runs to tell whether it leaks' : '';
    print(`${kind}: ${before} in the second quarter, ${after} in the last${tell}\n`);
    if (leaks === true) wrong.push(`${kind} leaks: ${before}, then ${after}`);
  }
  print(`${summary(results)}; exit code ${exitCode}; ${minutes.toFixed(1)} min\n`);
  if (wrong.length > 0) print(`its last messages: ${crashpath.messages().trim().slice(-400)}\n`);
  for (const one of wrong.slice(0, MOST_WRONG)) print(`${one}\n`);
  if (wrong.length > MOST_WRONG) print(`... ${wrong.length - MOST_WRONG} more\n`);
  print(`${wrong.length === 0 ? 'nothing is wrong' : `${wrong.length} things are wrong`}\n`);
  if (wrong.length === 0 && !words.keep) await rm(out, { recursive: true, force: true });
  return wrong.length === 0 ? EXIT.expected : EXIT.unexpected;
});

/** Looks at a campaign until it ends, and prints ten rows meanwhile. */
async function watch(
  { pid, ended, printed }: CampaignProcess,
  { runs }: { readonly runs: number },
): Promise<Holdings[]> {
  let rows = 0;
  print('runs  node, MB  threads  children  files  sockets  others  templates\n');
  const looks = { pid, everyMs: LOOK_EVERY_MS, printed: () => printed().length };
  return holdingsUntil(ended, looks, (one) => {
    if (one.ended < (rows * runs) / ROWS) return;
    rows = Math.floor((one.ended * ROWS) / runs) + 1;
    const { rssKiB, threads, children, files, sockets, others, templates } = one;
    const cells = [one.ended, Math.round((rssKiB * 1024) / 1e6), threads, children, files, sockets, others];
    print(`${[...cells, templates].join('\t')}\n`);
  });
}

/** Processes, sockets and pipes that a campaign left. */
async function leftIn(out: string): Promise<string[]> {
  const processes = await processesIn(out);
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const special = entries.filter((entry) => entry.isSocket() || entry.isFIFO());
  return [
    ...processes.map(({ pid, command }) => `process ${pid} is left: ${command.slice(0, 120)}`),
    ...special.map(({ parentPath, name }) => `${join(parentPath, name)} is left`),
  ];
}

/** `1000 runs: 1000 captured (12 degraded); 900 clones of 20 templates, 100 booted (100 control)` */
function summary(results: readonly RunResult[]): string {
  const verdicts = counted(results.map(({ verdict, detail }) => `${verdict} (${detail})`));
  const clones = results.flatMap((one) => templateOf(one) ?? []);
  const templates = new Set(clones.map(({ template }) => template)).size;
  const booted = counted(
    results.flatMap(({ clone }) => (clone !== undefined && 'booted' in clone ? [clone.booted] : [])),
  );
  const reasons = counted(results.flatMap(({ degradedBy }) => [...degradedBy]));
  return [
    `${results.length} runs: ${verdicts}`,
    ...(reasons === '' ? [] : [`degraded by ${reasons}`]),
    `${clones.length} clones of ${templates} templates`,
    `booted: ${booted}`,
  ].join('; ');
}

function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}
