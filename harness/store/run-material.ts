import { join } from 'node:path';
import { z } from 'zod';
import type { RunResult } from '../model/result.js';
import type { RunMaterial } from '../report/page/run-page.js';
import { readHostFacts } from './read-recording.js';
import { RECORDING } from './recorder.js';
import { readPlan, readResult, TIMELINE } from './run-directory.js';
import { readJson, readStored } from './stored-file.js';

/** Of the stored timeline only what says where the capture kernel's output begins; other events pass unread. */
const TimelineSchema = z.array(
  z.looseObject({
    type: z.string(),
    at: z.looseObject({ source: z.string(), offset: z.number().int().nonnegative().optional() }),
  }),
);

/**
 * Reads what the report page shows of a run. What is missing or damaged is left out: a page must not fail for one run.
 * A recorded channel is bounded (Limits.channelBytes) and read whole.
 */
export async function readMaterial(result: RunResult): Promise<RunMaterial> {
  const { directory } = result;
  const bytes = (name: string) => readStored(join(directory, name)).catch(() => Buffer.alloc(0));
  return {
    // A campaign keeps its results without phases and evidence.
    result: (await readResult(directory)) ?? result,
    plan: await readPlan(directory).catch(() => undefined),
    console: await bytes(RECORDING.console),
    control: await bytes(RECORDING.control),
    captureStart: await captureStart(directory),
    facts: await readHostFacts(directory).catch(() => []),
  };
}

/** The first kernel line of the capture kernel: its banner, which comes before its command line. */
async function captureStart(directory: string): Promise<number | undefined> {
  const events = TimelineSchema.safeParse(await readJson(join(directory, TIMELINE))).data ?? [];
  const onConsole = events.filter(({ at }) => at.source === 'console');
  const started = onConsole.findIndex(({ type }) => type === 'capture-command-line');
  if (started === -1) return undefined;
  const banner = onConsole.slice(0, started).findLast(({ type }) => type === 'kernel-banner');
  return (banner ?? onConsole[started])?.at.offset;
}
