import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { classify } from '../../classify/classify.js';
import type { RunEvent } from '../../model/event.js';
import type { RunRecord } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { Verdict } from '../../model/verdict.js';
import { readRecording } from '../../store/read-recording.js';
import { readPlan } from '../../store/run-directory.js';
import { createTimeline } from '../../timeline/timeline.js';

/** The recordings lie beside their sources; compiled code lies in dist/. */
export const TESTDATA = new URL('../../../harness/testdata/', import.meta.url).pathname;
export const HEADER = 'expect.yaml';
/** The folder of plain logs; testing/recordings/log-fixtures.ts reads it. */
const LOGS = 'logs';

const HeaderSchema = z.strictObject({
  /** The content of the recording, and why it is kept. */
  about: z.string().min(1),
  /** Release of the first kernel. */
  kernel: z.string().min(1),
  /** Its origin: the command, or the fixture from which it was derived, with the changes. */
  made: z.string().min(1),
  /** The verdict that a person expects, `word/detail`; never rewritten. */
  verdict: z.string().regex(/^[a-z-]+\/[\w-]+$/),
  /** The code's full result; rewritten with CRASHPATH_UPDATE=1. */
  computed: z
    .strictObject({
      quality: z.string().optional(),
      degradedBy: z.array(z.string()),
      lastPhase: z.string(),
      outcome: z.string(),
      events: z.array(z.string()),
    })
    .optional(),
});
export type FixtureHeader = z.infer<typeof HeaderSchema>;

/** A recorded run with its expectations. */
export interface Fixture {
  readonly name: string;
  readonly header: FixtureHeader;
  readonly plan: RunPlan;
  readonly records: readonly RunRecord[];
}

/** Names of all fixtures, sorted. */
export async function fixtureNames(): Promise<string[]> {
  const entries = await readdir(TESTDATA, { withFileTypes: true });
  // Plain logs lie beside them, and have no recording.
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== LOGS)
    .map((entry) => entry.name)
    .sort();
}

/** Reads one fixture the way a stored run is read. */
export async function readFixture(name: string): Promise<Fixture> {
  const directory = join(TESTDATA, name);
  return {
    name,
    header: HeaderSchema.parse(parse(await readFile(join(directory, HEADER), 'utf8'))),
    plan: await readPlan(directory),
    records: await readRecording(directory),
  };
}

/** Runs the timeline over a recording, to its end. */
export function eventsOf(records: readonly RunRecord[], plan: Pick<RunPlan, 'limits'>): RunEvent[] {
  const timeline = createTimeline(plan.limits);
  return [...records.flatMap((record) => timeline.push(record)), ...timeline.finish()];
}

/** The verdict on a recording. */
export function verdictOf(records: readonly RunRecord[], plan: RunPlan): Verdict {
  return classify(eventsOf(records, plan), plan);
}

/** An event in a few words, without times and addresses: what a header lists. */
export function nameEvent(event: RunEvent): string {
  switch (event.type) {
    case 'panic':
    case 'panic-ended':
    case 'reboot-announced':
    case 'oops':
    case 'stale-int3':
      return `${event.type} ${event.side}`;
    case 'signature':
      return `signature ${event.name}`;
    case 'jumped':
      return `jumped ${event.place}`;
    case 'suspected-hang':
    case 'hang':
      return `${event.type} ${event.shape}`;
    case 'shutdown':
      return `shutdown ${event.reason}`;
    case 'cpus-parked':
      return `cpus-parked ${event.parked}`;
    case 'cpu-not-stopped':
      return `cpu-not-stopped ${event.cpu.index} ${event.cpu.place}`;
    case 'host':
      return `host ${event.fact.fact}`;
    case 'lkdtm-hit':
      return `lkdtm-hit ${event.point} ${event.crashType}`;
    case 'report-frame':
      return `report-frame ${event.function}`;
    case 'cpus-unwatched':
    case 'kernel-banner':
    case 'capture-command-line':
    case 'reboot-command-line':
    case 'hello':
    case 'armed':
    case 'firing':
    case 'suspended':
    case 'woken':
    case 'reply':
    case 'capture-hello':
    case 'vmcore':
    case 'vmcore-missing':
    case 'vmcore-chunks':
    case 'vmcore-read':
    case 'vmcore-reader':
    case 'capture-facts':
    case 'dump':
    case 'exercise':
    case 'capture-done':
    case 'control-noise':
    case 'folded':
    case 'progress':
      return event.type;
  }
}

/** Where and what, without time: two readings of the same bytes must agree on it. */
export function placeEvent(event: RunEvent): string {
  const at =
    'offset' in event.at
      ? `${event.at.source}@${event.at.offset}+${event.at.length}`
      : `${event.at.source}#${event.at.line}`;
  return `${at} ${nameEvent(event)}`;
}
