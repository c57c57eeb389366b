#!/usr/bin/env node
/** `npm run bench:ingest`: how fast consoles are read, and how much memory that takes. docs/performance.md. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { z } from 'zod';
import { classify } from '../../classify/classify.js';
import { wholeNumber } from '../../cli/words/option-values.js';
import { single } from '../../cli/words/shared-options.js';
import { createLogReader } from '../../console-log/read-log.js';
import { EXIT, usageFault } from '../../model/fault.js';
import type { RunEvent } from '../../model/event.js';
import { RunWatch } from '../../run/run-watch.js';
import { RECORDING, openRecorder } from '../../store/recorder.js';
import { rejudge } from '../../store/rejudge.js';
import { readPlan, saveOutcome } from '../../store/run-directory.js';
import { writeJson } from '../../store/stored-file.js';
import { createTimeline } from '../../timeline/timeline.js';
import { carryOut } from '../carry-out.js';
import { type Consoles, type IngestInput, ingestInputs, pieces } from './inputs.js';

/** Recordings of real runs lie beside the sources. */
const TESTDATA = new URL('../../../harness/testdata/', import.meta.url).pathname;
const MEGABYTE = 1_000_000;

/**
 * The ways that bytes of a guest take through crashpath: timeline and classifier; a live run (recorder, timeline, waits);
 * `crashpath classify` of the recording, from its files to its verdict; `crashpath read`.
 */
const WAYS = ['timeline', 'live', 'classify', 'read'] as const;
type Way = (typeof WAYS)[number];

const Measured = z.object({
  input: z.string(),
  way: z.enum(WAYS),
  mb: z.number(),
  cpuMs: z.number(),
  mbPerSecond: z.number(),
  peakRssMb: z.number(),
  /** Events; of `read`: crashes. */
  found: z.number(),
});
type Measured = z.infer<typeof Measured>;

await carryOut('bench:ingest', async () => {
  const argv = await yargs(hideBin(process.argv))
    .scriptName('npm run bench:ingest --')
    .option('mb', {
      ...single(wholeNumber('--mb', { least: 1, most: 4_000 })),
      default: 100,
      describe: 'Megabytes of each input',
    })
    .option('input', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Inputs by name; all when absent',
    })
    .option('way', {
      type: 'string',
      array: true,
      default: ['timeline', 'read'],
      choices: WAYS,
      describe: 'What reads them',
    })
    .option('json', { type: 'boolean', default: false, describe: 'One JSON object per line' })
    .option('in-process', { type: 'boolean', default: false, hidden: true })
    .strict()
    .parseAsync();
  const inputs = ingestInputs(await consoles());
  const unknown = argv.input.find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined)
    throw usageFault(
      `cannot read input "${unknown}": there is no such one; give one of ${inputs.map(({ name }) => name).join(' ')}`,
    );
  const chosen = inputs.filter(({ name }) => argv.input.length === 0 || argv.input.includes(name));
  const ways = WAYS.filter((way) => argv.way.includes(way));
  const mb = Number(argv.mb);
  if (!argv.json && !argv['in-process'])
    process.stdout.write('INPUT      WAY        MB/s of CPU  PEAK RSS, MB    FOUND\n');
  for (const input of chosen) {
    for (const way of ways) {
      // A process each: the peak of its memory is that of one input.
      const measured = argv['in-process'] ? await measure(input, way, mb) : await inChild(input, way, mb);
      process.stdout.write(argv.json ? `${JSON.stringify(measured)}\n` : `${row(measured)}\n`);
    }
  }
  return EXIT.expected;
});

async function consoles(): Promise<Consoles> {
  const read = (name: string, file: string = RECORDING.console) => readFile(join(TESTDATA, name, file));
  return {
    captured: await read('captured-6.1'),
    flood: await read('capture-hang-flood'),
    panicked: await read('no-crash-kernel'),
    control: await read('captured-6.1', RECORDING.control),
  };
}

async function inChild({ name }: IngestInput, way: Way, mb: number): Promise<Measured> {
  const words = ['--in-process', '--json', '--mb', String(mb), '--input', name, '--way', way];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    process.argv[1] ?? '',
    ...words,
  ]);
  return Measured.parse(JSON.parse(stdout));
}

async function measure(input: IngestInput, way: Way, mb: number): Promise<Measured> {
  const read = {
    timeline: throughTimeline,
    live: throughRun,
    classify: throughClassify,
    read: throughReader,
  }[way];
  const { found, cpuMs } = await read(input, mb * MEGABYTE);
  return {
    ...{ input: input.name, way, mb, found },
    cpuMs: Math.round(cpuMs),
    mbPerSecond: Math.round((mb * 1000) / Math.max(1, cpuMs)),
    peakRssMb: Math.round((process.resourceUsage().maxRSS * 1024) / MEGABYTE),
  };
}

interface Passage {
  readonly found: number;
  readonly cpuMs: number;
}

async function timed(work: () => number | Promise<number>): Promise<Passage> {
  const before = process.cpuUsage();
  const found = await work();
  const { user, system } = process.cpuUsage(before);
  return { found, cpuMs: (user + system) / 1000 };
}

function planOf(input: IngestInput) {
  return readPlan(join(TESTDATA, input.name === 'runs' ? 'captured-6.1' : 'capture-hang-flood'));
}

async function throughTimeline(input: IngestInput, bytes: number): Promise<Passage> {
  const plan = await planOf(input);
  return timed(() => {
    const timeline = createTimeline(plan.limits);
    const events: RunEvent[] = [];
    let atMs = 0;
    for (const piece of pieces(input, bytes)) {
      atMs += 5;
      for (const event of timeline.push({ kind: 'chunk', atMs, channel: input.channel, bytes: piece }))
        events.push(event);
    }
    for (const event of timeline.finish()) events.push(event);
    classify(events, plan);
    return events.length;
  });
}

async function throughReader(input: IngestInput, bytes: number): Promise<Passage> {
  return timed(() => {
    const reader = createLogReader(input.name);
    for (const piece of pieces(input, bytes)) reader.push(piece);
    return reader.finish().crashes.length;
  });
}

/** Records as a live run does; the limit of a channel, which ends a real run, is lifted. */
async function record(input: IngestInput, bytes: number, directory: string): Promise<Passage> {
  const plan = await planOf(input);
  const limits = { ...plan.limits, channelBytes: Number.MAX_SAFE_INTEGER };
  await writeJson(join(directory, 'plan.json'), { ...plan, limits });
  return timed(() => {
    const recorder = openRecorder(directory);
    const watch = new RunWatch(recorder, { limits });
    for (const piece of pieces(input, bytes)) watch.bytes(input.channel, piece);
    watch.finish();
    recorder.close();
    return watch.events.length;
  });
}

async function throughRun(input: IngestInput, bytes: number): Promise<Passage> {
  return inDirectory((directory) => record(input, bytes, directory));
}

async function throughClassify(input: IngestInput, bytes: number): Promise<Passage> {
  return inDirectory(async (directory) => {
    await record(input, bytes, directory);
    return timed(async () => {
      const judged = await rejudge(directory);
      await saveOutcome(directory, judged);
      return judged.events.length;
    });
  });
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'crashpath-ingest-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function row({ input, way, mbPerSecond, peakRssMb, found }: Measured): string {
  return `${input.padEnd(11)}${way.padEnd(11)}${String(mbPerSecond).padStart(11)}${String(peakRssMb).padStart(14)}${String(found).padStart(9)}`;
}
