/** A bench without kernels and guests: a file of each commit says what its kernel does. */
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench, Built } from '../../bisect/bench.js';
import { git, KernelDoesNotBuild, type Repository } from '../../kernel/index.js';
import { harnessFault } from '../../model/fault.js';
import { type RunResult, RunResultSchema } from '../../model/result.js';

/** The file: a word of {@link Does}, and for `flaky` how many of its trials, in order, are good before each bad one. */
export const TRUTH = 'truth';

/** The outcome of a trial of a made kernel. */
const DOES = {
  good: { verdict: 'captured', quality: 'clean', outcome: 'expected', detail: 'proved' },
  bad: { verdict: 'crash-path-hang', outcome: 'unexpected', detail: 'spin' },
  other: { verdict: 'capture-panic', outcome: 'unexpected', detail: 'panic' },
  void: { verdict: 'void', outcome: 'inconclusive', detail: 'state-not-proved' },
  unbootable: { verdict: 'boot-failed', outcome: 'unexpected', detail: 'silent' },
  error: { verdict: 'harness-error', outcome: 'harness-error', detail: 'qemu-ended' },
} as const;
type Does = keyof typeof DOES;

function isDoes(word: string): word is Does {
  return Object.hasOwn(DOES, word);
}

function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** A result of such a trial. */
export function madeResult(does: Does, runId: string): RunResult {
  return RunResultSchema.parse({
    ...{ schema: 1, runId, campaign: 'made', scenario: 'made', trial: 1, kernel: 'made', kernelSha256: '' },
    ...{ captureKernel: 'made', captureKernelSha256: '', accel: 'tcg', degradedBy: [], explanation: does },
    ...{ expected: 'captured', lastPhase: null, phases: [], evidence: [], durationMs: 1, directory: '' },
    ...DOES[does],
  });
}

/** Its kernels, results and log lie in a directory, as if on a disk that outlives the process. */
export class FakeBench implements Bench {
  readonly jobs = 1;
  readonly #directory: string;
  readonly #repository: Repository;
  /** Called where a process may be killed. */
  readonly #point: () => void;

  constructor(directory: string, repository: Repository, point: () => void = () => undefined) {
    this.#directory = directory;
    this.#repository = repository;
    this.#point = point;
  }

  async build(commit: string): Promise<Built> {
    const kernel = join(this.#directory, 'kernels', commit);
    const does = await this.#truth(commit);
    if (does === 'broken')
      throw new KernelDoesNotBuild(`cannot build kernel "${commit}": it is broken; see log`);
    if (does === 'disk-full')
      throw harnessFault('cannot write the kernel cache: the disk is full; make room');
    const reused = (await readFile(kernel, 'utf8').catch(() => undefined)) !== undefined;
    if (!reused) {
      this.#point();
      await mkdir(join(this.#directory, 'kernels'), { recursive: true });
      await writeFile(kernel, does);
      await this.#log(`built ${commit}`);
      this.#point();
    }
    return { kernel, reused };
  }

  async run(commit: string, { kernel }: Built, trials: number): Promise<RunResult[]> {
    const results: RunResult[] = [];
    for (let i = 0; i < trials; i += 1) {
      const before = (await this.results(commit)).length;
      const [word = 'good', ...rest] = (await readFile(kernel, 'utf8')).split(' ');
      const period = Number(rest[0] ?? 0) + 1;
      const does =
        word === 'flaky'
          ? (before + 1) % period === 0
            ? 'bad'
            : 'good'
          : word === 'error-once'
            ? before === 0
              ? 'error'
              : 'good'
            : isDoes(word)
              ? word
              : 'good';
      this.#point();
      const result = madeResult(does, `${commit.slice(0, 12)}-${before + 1}`);
      const directory = join(this.#directory, 'results', commit);
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, String(before + 1).padStart(4, '0')), JSON.stringify(result));
      await this.#log(`ran ${commit}`);
      this.#point();
      results.push(result);
    }
    return results;
  }

  async results(commit: string): Promise<RunResult[]> {
    const directory = join(this.#directory, 'results', commit);
    const names = await readdir(directory).catch(() => []);
    const texts = await Promise.all(
      names.toSorted(byName).map((name) => readFile(join(directory, name), 'utf8')),
    );
    return texts.map((text) => RunResultSchema.parse(JSON.parse(text)));
  }

  /** What was done, one line each: `built COMMIT`, `ran COMMIT`. */
  async done(): Promise<string[]> {
    const text = await readFile(join(this.#directory, 'done'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async #truth(commit: string): Promise<string> {
    const shown = await git(this.#repository, ['cat-file', 'blob', `${commit}:${TRUTH}`]);
    return shown.ok ? shown.stdout.trim() : 'broken';
  }

  async #log(line: string): Promise<void> {
    await appendFile(join(this.#directory, 'done'), `${line}\n`);
  }
}
