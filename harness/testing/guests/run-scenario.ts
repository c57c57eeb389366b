/** One real guest, crashed by the command: the whole of what users start. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { RunResult } from '../../model/result.js';
import { crashpath, KERNELS, resultsOf } from '../crashpath-command.js';
import { scratch } from '../files.js';

/** A run that was carried out, with any result. */
export interface RealRun {
  readonly result: RunResult;
  readonly exitCode: number | undefined;
  readonly stderr: string;
  /** Directory of all that was written for it. */
  readonly out: string;
  /** Lines of host.jsonl. */
  readonly facts: readonly string[];
}

/** How a scenario is run. */
export interface RunChoices {
  /** The first of {@link KERNELS} when absent. */
  readonly kernel?: string;
  /** Further words for the command. */
  readonly words?: readonly string[];
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs one scenario, by its name or file. Throws with the command's stderr when there is no result. */
export async function runScenario(
  t: Test,
  scenario: string,
  { kernel = KERNELS.six1, words = [], environment = {} }: RunChoices = {},
): Promise<RealRun> {
  const out = await scratch(t);
  const ended = await crashpath(
    [...['run', scenario, '-k', kernel, '--out', join(out, 'runs'), '--json'], ...words],
    { environment },
  );
  const [result] = resultsOf(ended.stdout);
  if (result === undefined) throw new Error(`no result: ${ended.stderr}`);
  const facts = (await readFile(join(result.directory, 'host.jsonl'), 'utf8')).trimEnd().split('\n');
  return { result, exitCode: ended.exitCode, stderr: ended.stderr, out, facts };
}

/** Runs a scenario of the test's own: the lines of YAML after its name and summary. */
export async function runMade(t: Test, lines: readonly string[], choices: RunChoices = {}): Promise<RealRun> {
  const file = join(await scratch(t), 'made.yaml');
  await writeFile(file, ['version: 1', 'name: made', 'summary: made by a test', ...lines].join('\n'));
  return runScenario(t, file, choices);
}

/** The result that `classify` computes from the recording of a run. */
export async function judgedAgain(run: Pick<RealRun, 'result'>): Promise<RunResult | undefined> {
  return resultsOf((await crashpath(['classify', run.result.directory, '--json'])).stdout)[0];
}

/** Excerpts of a result's evidence of that kind. */
export function evidenceOf(result: RunResult | undefined, what: string): string[] {
  return (result?.evidence ?? []).filter((one) => one.what === what).map(({ excerpt }) => excerpt);
}
