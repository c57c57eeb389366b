#!/usr/bin/env node
/** `npm run bench:overhead -- WORDS`: one `crashpath run WORDS`, and what it cost beyond the guest. docs/performance.md. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { hideBin } from 'yargs/helpers';
import { runCommandLine } from '../cli/command-line.js';
import { usageFault } from '../model/fault.js';
import { readRuns } from '../store/campaign-directory.js';
import { readRecording } from '../store/read-recording.js';
import { RECORDING } from '../store/recorder.js';
import { carryOut } from './carry-out.js';
import { phasesOf } from './run-phases.js';

await carryOut('bench:overhead', async () => {
  const collections: number[] = [];
  new PerformanceObserver((list) =>
    collections.push(...list.getEntries().map(({ duration }) => duration)),
  ).observe({
    entryTypes: ['gc'],
  });
  const out = await mkdtemp(join(tmpdir(), 'crashpath-overhead-'));
  try {
    const name = 'overhead';
    await runCommandLine(['run', ...hideBin(process.argv), '--out', out, '--name', name]);
    const endMs = performance.now();
    const cpu = process.resourceUsage();
    const [run, another] = await readRuns(join(out, name)).catch(() => []);
    if (run === undefined || another !== undefined)
      throw usageFault('cannot take "no run" apart: name what makes one');
    const { directory } = run;
    const records = await readRecording(directory);
    const last = records.at(-1);
    const beganMs = (await stat(join(directory, RECORDING.host))).birthtimeMs - performance.timeOrigin;
    const lastedMs = last?.kind === 'host' ? last.record.atMs : 0;
    const around = { beforeMs: beganMs, afterMs: endMs - beganMs - lastedMs };
    const line = (ms: number, what: string) =>
      process.stdout.write(`${ms.toFixed(0).padStart(7)}  ${what}\n`);
    for (const { what, ms } of phasesOf(records, around)) line(ms, what);
    line(endMs, 'all of it, milliseconds of the host');
    line(cpu.userCPUTime / 1000, 'CPU of node in user mode');
    line(cpu.systemCPUTime / 1000, 'CPU of node in the kernel');
    line(
      collections.reduce((sum, ms) => sum + ms, 0),
      `of these for ${collections.length} garbage collections`,
    );
    return Number(process.exitCode ?? 0);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
