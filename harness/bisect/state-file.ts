import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bisection, BisectionSchema } from '../bisection/state.js';
import { usageFault } from '../model/fault.js';
import { readJson, whyUnreadable, writeJson, writeText } from '../store/stored-file.js';

/** Files of a bisection beside those of its campaign. */
export const BISECT_FILES = {
  /** The bisection: what was asked, each step, the end. */
  state: 'bisect.json',
  /** `git bisect log` after the last step. */
  log: 'bisect.log',
  /** The configuration fragment, as it was at the start. */
  config: 'config',
  /** Held by the crashpath that carries out the bisection. */
  lock: 'bisect.lock',
} as const;

/** Writes the state whole: a reader, and a crashpath that was killed, see the old or the new one. */
export async function writeBisection(directory: string, bisection: Bisection): Promise<void> {
  await writeJson(join(directory, BISECT_FILES.state), bisection);
}

/** Writes git's log of the bisection. */
export async function writeLog(directory: string, log: string): Promise<void> {
  await writeText(join(directory, BISECT_FILES.log), log);
}

/** Reads a bisection. Throws a usage fault when the directory does not hold one. */
export async function readBisection(directory: string): Promise<Bisection> {
  const stored = await readJson(join(directory, BISECT_FILES.state));
  const parsed = BisectionSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  throw usageFault(
    `cannot go on with bisection "${directory}": ${whyUnreadable(stored, BISECT_FILES.state)}; name the directory of a crashpath bisect`,
    parsed.error,
  );
}

/** Keeps the configuration fragment; returns the path to build with. */
export async function keepConfig(directory: string, text: string): Promise<string> {
  const path = join(directory, BISECT_FILES.config);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}
