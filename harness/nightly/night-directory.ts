import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type NightVerdicts, NightVerdictsSchema } from '../model/night-verdict.js';
import type { FormerNight } from '../night/former-nights.js';
import { isNightName } from '../night/night-name.js';
import { type NightRecord, NightRecordSchema } from '../night/night-record.js';
import { storeFault } from '../store/store-fault.js';
import { exists, readJson, whyUnreadable, writeJson, writeText } from '../store/stored-file.js';

/** Files of a night's directory. */
export const NIGHT_FILES = {
  record: 'night.json',
  verdicts: 'verdicts.json',
  journal: 'journal.jsonl',
  text: 'summary.txt',
  markdown: 'summary.md',
  scenarios: 'scenarios',
} as const;

/** The campaign of a night: its directory, and the name in its plans. */
export const CAMPAIGN = 'campaign';

/** Where the nights of an output directory are. */
export function nightsIn(out: string): string {
  return join(out, 'nights');
}

/** Where kernels that may vanish are copied to. */
export function kernelsIn(nights: string): string {
  return join(nights, 'kernels');
}

/** Names of all nights that have a plan, oldest first. */
export async function nightNames(nights: string): Promise<string[]> {
  const names = (await readdir(nights).catch(() => [])).filter(isNightName).sort();
  const found: string[] = [];
  for (const name of names) if (await exists(join(nights, name, NIGHT_FILES.record))) found.push(name);
  return found;
}

/** Removes directories of nights that were killed before they had a plan: nothing was run there. */
export async function removeUnplanned(nights: string): Promise<void> {
  const names = (await readdir(nights).catch(() => [])).filter(isNightName);
  for (const name of names) {
    if (await exists(join(nights, name, NIGHT_FILES.record))) continue;
    await rm(join(nights, name), { recursive: true, force: true });
  }
}

/** Makes the directory of a night, 0700. */
export async function makeNightDirectory(nights: string, name: string): Promise<string> {
  const directory = join(nights, name);
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    throw storeFault('create', directory, error);
  }
  return directory;
}

export async function writeRecord(directory: string, record: NightRecord): Promise<void> {
  await writeJson(join(directory, NIGHT_FILES.record), record);
}

/** A night as it is on disk. Undefined when its plan is damaged or of another version. */
export interface StoredNight {
  readonly directory: string;
  readonly record: NightRecord;
  /** Absent when the night has not ended, or when they cannot be used. */
  readonly verdicts: NightVerdicts | undefined;
  /** Why its verdicts cannot be used: they are damaged or of another version. Such a night has ended. */
  readonly damage: string | undefined;
}

export async function readNightDirectory(directory: string): Promise<StoredNight | undefined> {
  const record = NightRecordSchema.safeParse(await readJson(join(directory, NIGHT_FILES.record)));
  if (!record.success) return undefined;
  const path = join(directory, NIGHT_FILES.verdicts);
  const stored = await readJson(path);
  const verdicts = NightVerdictsSchema.safeParse(stored);
  const damage =
    verdicts.success || !(await exists(path)) ? undefined : whyUnreadable(stored, NIGHT_FILES.verdicts);
  return { directory, record: record.data, verdicts: verdicts.data, damage };
}

/** The nights of an output directory. */
export interface StoredNights {
  /** Those that can be read, oldest first. */
  readonly nights: readonly StoredNight[];
  /** Whether some cannot. */
  readonly someUnreadable: boolean;
  /** A line for each night that cannot be used; nothing is compared with it. */
  readonly damaged: readonly string[];
}

export async function readNights(place: string): Promise<StoredNights> {
  const nights: StoredNight[] = [];
  const damaged: string[] = [];
  let someUnreadable = false;
  for (const name of await nightNames(place)) {
    const directory = join(place, name);
    const night = await readNightDirectory(directory);
    if (night === undefined) {
      someUnreadable = true;
      const why = whyUnreadable(await readJson(join(directory, NIGHT_FILES.record)), NIGHT_FILES.record);
      damaged.push(`cannot read night "${directory}": ${why}; restore that file, or remove the directory`);
      continue;
    }
    nights.push(night);
    if (night.damage !== undefined) {
      damaged.push(
        `cannot read night "${directory}": ${night.damage}; --resume ${name} judges its runs again, or remove the directory`,
      );
    }
  }
  return { nights, someUnreadable, damaged };
}

export function endedNights(nights: readonly StoredNight[]): FormerNight[] {
  return nights.flatMap(({ record, verdicts }) => (verdicts === undefined ? [] : [{ record, verdicts }]));
}

/** Writes what the night says; verdicts.json, last, makes it an ended night. */
export async function writeEnd(
  directory: string,
  { verdicts, text, markdown }: { verdicts: NightVerdicts; text: string; markdown: string },
): Promise<void> {
  await writeText(join(directory, NIGHT_FILES.text), `${text}\n`);
  await writeText(join(directory, NIGHT_FILES.markdown), markdown);
  await writeJson(join(directory, NIGHT_FILES.verdicts), verdicts);
}

const JournalSchema = z.object({
  /** ISO 8601, by the host's clock. */
  at: z.string(),
  /** Of the budget, by a clock that only goes forward; time between a kill and the next start does not count. */
  spentMs: z.number(),
  what: z.string(),
});

/** One line of the journal. */
export type JournalLine = z.infer<typeof JournalSchema>;

export async function appendJournal(directory: string, line: JournalLine): Promise<void> {
  const path = join(directory, NIGHT_FILES.journal);
  await appendFile(path, `${JSON.stringify(line)}\n`, { mode: 0o600 }).catch((error: unknown) => {
    throw storeFault('write', path, error);
  });
}

/** How much of its budget a night has spent. */
export async function spentIn(directory: string): Promise<number> {
  return Math.max(0, ...(await journalIn(directory)).map(({ spentMs }) => spentMs));
}

/** What the journal says when the hooks have run. */
export const TOLD = 'told';

/** Whether a night's hooks have run; a kill may have kept them from it. */
export async function isTold(directory: string): Promise<boolean> {
  return (await journalIn(directory)).some(({ what }) => what === TOLD);
}

/** The journal. A line that a full disk or a kill cut off is left out. */
async function journalIn(directory: string): Promise<JournalLine[]> {
  const text = await readFile(join(directory, NIGHT_FILES.journal), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      const read = JournalSchema.safeParse(JSON.parse(line));
      return read.success ? [read.data] : [];
    } catch {
      return [];
    }
  });
}

/** Mean lengths of the runs of a night by scenario, milliseconds. */
export async function durationsIn(directory: string): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(join(directory, CAMPAIGN, 'results.jsonl'), 'utf8').catch(() => '');
  const sums = new Map<string, { sum: number; count: number }>();
  for (const line of text.split('\n')) {
    const run = durationOf(line);
    if (run === undefined) continue;
    const { sum, count } = sums.get(run.scenario) ?? { sum: 0, count: 0 };
    sums.set(run.scenario, { sum: sum + run.durationMs, count: count + 1 });
  }
  return new Map([...sums].map(([scenario, { sum, count }]) => [scenario, sum / count]));
}

const DurationSchema = z.object({ scenario: z.string(), durationMs: z.number() });

function durationOf(line: string) {
  try {
    return DurationSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
