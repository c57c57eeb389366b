#!/usr/bin/env node
/**
 * `npm run bench:page`: makes report pages of recorded runs and opens them in a headless Chromium (Debian's package
 * `chromium`): what does not work, how long it takes, and pictures to look at. docs/report.md.
 */
import { mkdtemp, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import which from 'which';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { pageText } from '../../campaign/write-page.js';
import { say } from '../../cli/context.js';
import { wholeNumber } from '../../cli/words/option-values.js';
import { single } from '../../cli/words/shared-options.js';
import { EXIT, usageFault } from '../../model/fault.js';
import { carryOut } from '../carry-out.js';
import { drive } from './drive.js';
import { inspect, VIEWS } from './inspect.js';
import { madePages } from './made-pages.js';
import { copyRecordings, hostileRecording } from './recordings.js';

/** A page of so many runs must be usable after so much CPU time of its process: wall time depends on the host's load. */
const MANY = 2000;
const CPU_MS = 3000;
const MOST_BYTES = 20 * 1024 * 1024;

await carryOut('bench:page', async () => {
  const argv = await yargs(hideBin(process.argv))
    .scriptName('npm run bench:page --')
    .strict()
    .option('runs', {
      ...single(wholeNumber('--runs', { least: 1, most: 20_000 })),
      describe: `Runs of the large page (default ${MANY})`,
    })
    .option('only', { type: 'string', array: true, requiresArg: true, describe: 'Names of pages, in turn' })
    .option('out', {
      type: 'string',
      default: 'runs/bench-page',
      describe: 'Directory for pages and pictures',
    })
    .parseAsync();
  const executablePath = await which('chromium', { nothrow: true });
  if (executablePath === null) {
    say("bench:page: skipped: there is no chromium; install Debian's package chromium");
    return EXIT.expected;
  }
  const out = resolve(argv.out);
  await mkdir(out, { recursive: true });
  const scratch = await mkdtemp(join(tmpdir(), 'crashpath-page-'));
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  const faults: string[] = [];
  try {
    const recordings = await copyRecordings(scratch);
    const [like] = recordings.values();
    if (like === undefined) throw new Error('there is no recorded run');
    const hostile = await hostileRecording(scratch, like);
    const pages = madePages(recordings, { hostile, many: argv.runs ?? MANY });
    for (const name of argv.only ?? pages.keys()) {
      const subject = pages.get(name);
      if (subject === undefined)
        throw usageFault(
          `cannot open "${name}": there is no such page; choose one of ${[...pages.keys()].join(', ')}`,
        );
      const file = join(out, `${name}.html`);
      const began = performance.now();
      await writeFile(file, await pageText(subject));
      const madeMs = Math.round(performance.now() - began);
      const { size } = await stat(file);
      const inspection = await inspect(browser, {
        name,
        file,
        pictures: join(out, 'pictures'),
        views: name === 'many' ? VIEWS : VIEWS.slice(0, 2),
      });
      faults.push(...inspection.faults);
      if (size > MOST_BYTES) faults.push(`${name}: it has ${size} bytes`);
      for (const [what, ms] of Object.entries(inspection.measured))
        if (what.endsWith('cpu-ms') && ms > CPU_MS) faults.push(`${name}: ${what} is ${ms}`);
      const measured = Object.entries(inspection.measured).map(([what, ms]) => `${what} ${ms}`);
      process.stdout.write(
        `${name}: ${subject.results.length} runs, ${size} bytes, made in ${madeMs} ms; ${measured.join(', ')}\n`,
      );
      if (name === 'many') faults.push(...(await drive(browser, file)).map((fault) => `many: ${fault}`));
    }
  } finally {
    await browser.close();
    await rm(scratch, { recursive: true, force: true });
  }
  for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`);
  say(`pages and pictures: ${out}`);
  return faults.length === 0 ? EXIT.expected : EXIT.unexpected;
});
