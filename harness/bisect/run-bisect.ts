import { decideControls, decideStep } from '../bisection/decide.js';
import { countsOf, type Shown, type Signature, shownBy, signatureOf } from '../bisection/outcome.js';
import { type Bisection, type End, type Tried, untried } from '../bisection/state.js';
import { KernelDoesNotBuild, type Repository } from '../kernel/index.js';
import { foldLine } from '../model/escape.js';
import { harnessFault } from '../model/fault.js';
import { goodsFor, shareOfStep, stepsFor } from '../stats/bisection.js';
import type { Bench, Built } from './bench.js';
import { describeCommit, GitBisect, type Mark } from './git-bisect.js';
import { writeBisection, writeLog } from './state-file.js';

/** A trial that the harness failed is tried again so often in a row before the bisection stops. */
const HARNESS_ERRORS_MOST = 3;
/** Most commits that the end describes when only skipped ones are left. */
const CANDIDATES_MOST = 64;

export interface BisectOptions {
  readonly repository: Repository;
  readonly bench: Bench;
  /** Directory for git's own state. */
  readonly gitDirectory: string;
  readonly signal: AbortSignal;
  /** After every change of the bisection, when it is stored. */
  readonly onChange?: ((bisection: Bisection) => void | Promise<void>) | undefined;
  readonly onStep?: ((tried: Tried, step: 'good end' | 'bad end' | number) => void) | undefined;
}

/**
 * Carries a bisection on to its end, from whatever it has done: the controls at both ends, then step by step. Its state
 * is written before and after each step; trials count when their results are stored, and a kernel when it is in the
 * cache. Throws the signal's reason on an abort; a harness fault when trials fail by the harness again and again; {@link
 * KernelDoesNotBuild} when an end does not build.
 */
export async function runBisect(
  directory: string,
  started: Bisection,
  options: BisectOptions,
): Promise<Bisection> {
  const run = new BisectRun(directory, started, options);
  return run.toEnd();
}

class BisectRun {
  readonly #directory: string;
  readonly #options: BisectOptions;
  #state: Bisection;

  constructor(directory: string, state: Bisection, options: BisectOptions) {
    this.#directory = directory;
    this.#state = state;
    this.#options = options;
  }

  async toEnd(): Promise<Bisection> {
    if (this.#state.end !== undefined) return this.#state;
    const signature = await this.#controls();
    if (signature === undefined) return this.#state;
    const { asked, steps } = this.#state;
    const marks = steps.flatMap(({ commit, verdict }): Mark[] =>
      verdict === undefined ? [] : [{ commit: commit.commit, verdict }],
    );
    const { repository, gitDirectory, signal } = this.#options;
    const bisect = await GitBisect.open(repository, asked, { directory: gitDirectory, marks, signal });
    await writeLog(this.#directory, await bisect.log());
    for (let { next } = bisect; ; next = bisect.next) {
      if (next.kind !== 'test') {
        await this.#change({ end: await this.#endOf(bisect, next) });
        await bisect.close();
        return this.#state;
      }
      const tried = await this.#step(next.commit, signature);
      await bisect.mark({ commit: next.commit, verdict: tried.verdict ?? 'skip' });
      await writeLog(this.#directory, await bisect.log());
    }
  }

  async #endOf(bisect: GitBisect, next: Exclude<GitBisect['next'], { kind: 'test' }>): Promise<End> {
    const { repository } = this.#options;
    if (next.kind === 'found') {
      return { kind: 'found', commit: await describeCommit(repository, next.commit) };
    }
    if (next.kind === 'merge-base-bad') {
      return { kind: 'fixed-between', commit: await describeCommit(repository, next.commit) };
    }
    const left = await bisect.candidates();
    const commits = [];
    for (const commit of left.slice(0, CANDIDATES_MOST)) {
      commits.push(await describeCommit(repository, commit));
    }
    return { kind: 'candidates', commits, more: left.length - commits.length };
  }

  /** The outcomes to look for; undefined when the ends show no difference, which is the end then. */
  async #controls(): Promise<Signature | undefined> {
    if (this.#state.controls !== undefined) return this.#state.controls.signature;
    const { bench } = this.#options;
    const { good, bad } = this.#state;
    const shown = {
      good: (await bench.results(good.commit.commit)).map(shownBy),
      bad: (await bench.results(bad.commit.commit)).map(shownBy),
    };
    const built: Partial<Record<'good' | 'bad', Built>> = {};
    for (const end of ['good', 'bad'] as const) {
      this.#options.onStep?.(this.#state[end], `${end} end`);
      const { tried, kernel } = await this.#build(this.#state[end]);
      built[end] = kernel;
      await this.#change({ [end]: tried });
    }
    for (;;) {
      const decision = decideControls(shown, this.#state.asked.patience);
      const signature = signatureOf(shown.good, shown.bad);
      const counted = {
        good: { ...this.#state.good, counts: countsOf(shown.good, signature) },
        bad: { ...this.#state.bad, counts: countsOf(shown.bad, signature) },
      };
      if (decision.kind === 'refused') {
        await this.#change({ ...counted, end: { kind: 'refused', why: decision.why } });
        return undefined;
      }
      if (decision.kind === 'done') {
        const { measured } = decision;
        const verdicts = {
          good: { ...counted.good, verdict: 'good' },
          bad: { ...counted.bad, verdict: 'bad' },
        } as const;
        await this.#change({ ...verdicts, controls: { signature, measured } });
        return signature;
      }
      const { end, trials } = decision;
      const kernel = built[end];
      if (kernel === undefined) throw new Error(`the ${end} end is not built`);
      const most = end === 'bad' ? bench.jobs : Math.min(trials, bench.jobs);
      const { tried, added } = await this.#run(counted[end], kernel, most);
      shown[end].push(...added);
      await this.#change({ [end]: tried });
    }
  }

  /** Tests one commit, or goes on with it. */
  async #step(commit: string, signature: Signature): Promise<Tried> {
    const { bench, repository } = this.#options;
    const last = this.#state.steps.at(-1);
    const isBegun = last?.commit.commit === commit && last.verdict === undefined;
    const before = this.#state.steps.filter(({ verdict }) => verdict !== undefined);
    const decided = before.filter(({ verdict }) => verdict !== 'skip').length;
    const goods = this.#goodsOf(decided + 1);
    let tried: Tried = {
      ...(isBegun ? last : untried(await describeCommit(repository, commit))),
      goods,
    };
    const keep = async (changed: Tried) => {
      tried = changed;
      await this.#change({ steps: [...before, tried] });
    };
    await keep(tried);
    this.#options.onStep?.(tried, before.length + 1);
    let kernel: Built;
    try {
      const done = await this.#build(tried);
      kernel = done.kernel;
      await keep(done.tried);
    } catch (error) {
      if (!(error instanceof KernelDoesNotBuild)) throw error;
      await keep({ ...tried, verdict: 'skip', why: foldLine(error.message, 500) });
      return tried;
    }
    const shown = (await bench.results(commit)).map(shownBy);
    for (;;) {
      const counts = countsOf(shown, signature);
      const decision = decideStep(counts, goods);
      if (decision.verdict !== 'more') {
        const { verdict } = decision;
        const why = decision.verdict === 'skip' ? foldLine(decision.why, 500) : undefined;
        await keep({ ...tried, counts, verdict, ...(why === undefined ? {} : { why }) });
        return tried;
      }
      const trials = Math.min(bench.jobs, decision.trials);
      const { tried: after, added } = await this.#run({ ...tried, counts }, kernel, trials);
      shown.push(...added);
      await keep(after);
    }
  }

  #goodsOf(step: number): number {
    const { controls, commits } = this.#state;
    if (controls === undefined) throw new Error('the controls are not done');
    return goodsFor(controls.measured, shareOfStep(step, Math.max(1, stepsFor(commits))));
  }

  async #build(tried: Tried): Promise<{ tried: Tried; kernel: Built }> {
    const startedMs = performance.now();
    const kernel = await this.#options.bench.build(tried.commit.commit);
    this.#options.signal.throwIfAborted();
    const seconds = (performance.now() - startedMs) / 1000;
    // A kernel that was built before a stop is in the cache now; what it took is known.
    const build = tried.build ?? { seconds, ...kernel };
    return { kernel, tried: { ...tried, build } };
  }

  async #run(tried: Tried, kernel: Built, trials: number): Promise<{ tried: Tried; added: Shown[] }> {
    const startedMs = performance.now();
    const added: Shown[] = [];
    for (let failed = 0; added.length === 0; ) {
      const results = await this.#options.bench.run(tried.commit.commit, kernel, trials);
      this.#options.signal.throwIfAborted();
      const now = results.map(shownBy);
      const errors = now.filter((one) => one.kind === 'harness-error');
      added.push(...now.filter((one) => one.kind !== 'harness-error'));
      failed += errors.length;
      if (added.length === 0 && (failed >= HARNESS_ERRORS_MOST || now.length === 0)) {
        throw harnessFault(
          `cannot judge commit "${tried.commit.commit.slice(0, 12)}": the harness failed ${failed} times in a row, the last time with ${errors.at(-1)?.why ?? 'no result'}; remedy that, then go on with the same command`,
        );
      }
    }
    const seconds = tried.ran.seconds + (performance.now() - startedMs) / 1000;
    return { added, tried: { ...tried, ran: { seconds, trials: tried.ran.trials + added.length } } };
  }

  async #change(changes: Partial<Bisection>): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    await writeBisection(this.#directory, this.#state);
    await this.#options.onChange?.(this.#state);
  }
}
