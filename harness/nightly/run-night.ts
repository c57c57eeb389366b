import { join } from 'node:path';
import { Fault } from '../model/fault.js';
import { NIGHT_SCHEMA, type NightKernel, type NightVerdicts } from '../model/night-verdict.js';
import { pastRates } from '../night/past-rates.js';
import type { RunResult } from '../model/result.js';
import { suspicions } from '../night/confirm.js';
import type { FormerNight } from '../night/former-nights.js';
import { nightExitCode } from '../night/night-exit-code.js';
import { type ArmRuns, comparedOf, type JudgedCell, judgeNight } from '../night/judge-night.js';
import type { NightRecord, RecordedKernel } from '../night/night-record.js';
import { nightMarkdown, nightText } from '../night/summary.js';
import type { RunPlan } from '../plan/run-plan.js';
import { countOf, safeName, safeSentence, seconds, verdictName } from '../report/words.js';
import { bounded, type ControlSeen, isMet, MUST, nightControl, shows, whyOf } from './controls.js';
import { appendJournal, CAMPAIGN, spentIn, writeEnd } from './night-directory.js';
import { NightRuns, type Stage } from './night-runs.js';
import type { NightWorks } from './works.js';

/** How often a control is tried until it shows something. */
const CONTROL_TRIES = 3;

/** Options of {@link runNight}. */
export interface RunNightOptions {
  readonly signal: AbortSignal;
  /** Mean lengths of runs in earlier nights, by scenario, milliseconds. */
  readonly durations: ReadonlyMap<string, number>;
  /** All nights that have ended. */
  readonly former: readonly FormerNight[];
}

/** A night that has ended. */
export interface NightOutcome {
  readonly verdicts: NightVerdicts;
  readonly cells: readonly JudgedCell[];
  readonly text: string;
  readonly markdown: string;
  readonly exitCode: number;
}

/**
 * Carries out a night, or the rest of one: controls, screening, confirmation while the budget lasts, controls, verdicts.
 * Undefined when it was stopped: what ran is recorded, and the same call continues it. Throws harness faults that leave
 * the night unfinished as well: a full disk, no host left.
 */
export async function runNight(
  directory: string,
  record: NightRecord,
  { works, options }: { works: NightWorks; options: RunNightOptions },
): Promise<NightOutcome | undefined> {
  const runs = await NightRuns.read(directory, record, works.freshNonce);
  const night = new Night(directory, record, { works, runs, options, spentMs: await spentIn(directory) });
  await night.note('started');
  const stopped = () => options.signal.aborted;
  const began = await night.controls('begin');
  if (stopped()) return undefined;
  if (began.every(({ held }) => held)) {
    await night.screen();
    if (stopped()) return undefined;
    await night.confirm();
    if (stopped()) return undefined;
  } else {
    works.complain('the night is blind: a control failed at its begin; no cell is run');
  }
  const ended = began.every(({ held }) => held) ? await night.controls('end') : [];
  if (stopped()) return undefined;
  return await night.end([...began, ...ended]);
}

class Night {
  readonly #directory: string;
  readonly #record: NightRecord;
  readonly #works: NightWorks;
  readonly #runs: NightRuns;
  readonly #options: RunNightOptions;
  readonly #jobs: number;
  readonly #startMs: number;
  readonly #means: Map<string, { sum: number; count: number }>;
  /** The budget refused to begin a run. */
  #outOfBudget = false;
  #ended = 0;

  constructor(
    directory: string,
    record: NightRecord,
    {
      works,
      runs,
      options,
      spentMs,
    }: { works: NightWorks; runs: NightRuns; options: RunNightOptions; spentMs: number },
  ) {
    this.#directory = directory;
    this.#record = record;
    this.#works = works;
    this.#runs = runs;
    this.#options = options;
    this.#jobs = record.jobs ?? works.jobsFor(record.arms.map(({ plan }) => plan));
    this.#startMs = works.monotonicMs() - spentMs;
    this.#means = new Map([...options.durations].map(([name, mean]) => [name, { sum: mean, count: 1 }]));
    for (const { result } of runs.all()) this.#learn(result);
  }

  #spentMs(): number {
    return this.#works.monotonicMs() - this.#startMs;
  }

  async note(what: string): Promise<void> {
    await appendJournal(this.#directory, {
      at: this.#works.wallClock().toISOString(),
      spentMs: Math.round(this.#spentMs()),
      what,
    });
  }

  #learn({ scenario, durationMs }: RunResult): void {
    const { sum, count } = this.#means.get(scenario) ?? { sum: 0, count: 0 };
    this.#means.set(scenario, { sum: sum + durationMs, count: count + 1 });
  }

  /** The expected length of a run, milliseconds; 0 when no such scenario has run. */
  #expectedMs(scenario: string): number {
    const { sum, count } = this.#means.get(scenario) ?? { sum: 0, count: 1 };
    return sum / count;
  }

  /** Whether a run of that length and the controls at the end still fit into the budget. */
  #fits(expectedMs: number): boolean {
    const controls = this.#record.controls.map(({ arm }) =>
      this.#expectedMs(this.#runs.arm(arm).plan.scenario.name),
    );
    const reserveMs =
      controls.reduce((sum, ms) => sum + ms, 0) / Math.max(1, Math.min(this.#jobs, controls.length));
    const fits = this.#spentMs() + expectedMs + reserveMs <= this.#record.budgetMs;
    if (!fits) this.#outOfBudget = true;
    return fits;
  }

  /** Runs plans; `within`: only while the budget lasts. */
  async #run(plans: readonly RunPlan[], within: 'budget' | 'any time'): Promise<void> {
    if (plans.length === 0) return;
    const { hosts } = this.#record;
    const expected = plans.map(({ scenario }) => this.#expectedMs(scenario.name));
    const longestMs = Math.max(0, ...expected);
    const journal: Promise<void>[] = [];
    let fault: unknown;
    let count = 0;
    const results = await this.#works.run(join(this.#directory, CAMPAIGN), plans, {
      jobs: this.#record.jobs,
      hosts: hosts.map((name) => ({
        name,
        plans: this.#record.arms.flatMap((arm) =>
          arm.hosts.flatMap((one) => (one.name === name ? [one.plan] : [])),
        ),
        planOf: (plan) => this.#runs.onHost(plan, name),
      })),
      signal: this.#options.signal,
      mayBegin: () => within === 'any time' || this.#fits(longestMs),
      onStart: (plan) => this.#works.say(`${plan.runId}: starting (${plan.accel.accel})`),
      onEvent: () => undefined,
      onResult: (result) => {
        count += 1;
        this.#ended += 1;
        this.#learn(result);
        const why = result.outcome === 'expected' ? '' : `: ${safeSentence(result.explanation)}`;
        this.#works.say(
          `[${count}/${plans.length}] ${verdictName(result)} ${safeName(result.runId)} ${seconds(result.durationMs)}${why}; ${this.#left()}`,
        );
        journal.push(this.note(result.runId).catch((error: unknown) => void (fault ??= error)));
      },
    });
    for (const result of results) this.#runs.add(result);
    await Promise.all(journal);
    // Also those that were cut off: their names are taken.
    await this.#runs.readAgain();
    if (fault !== undefined) throw fault;
  }

  #left(): string {
    const minutes = Math.max(0, (this.#record.budgetMs - this.#spentMs()) / 60_000);
    return `${minutes < 10 ? minutes.toFixed(1) : Math.round(minutes)} min of the budget left`;
  }

  /** Runs each control until it shows something, and says whether it held. */
  async controls(stage: Extract<Stage, 'begin' | 'end'>): Promise<ControlSeen[]> {
    const { controls } = this.#record;
    if (controls.length > 0) this.#works.say(`controls, at the ${stage} of the night`);
    for (let trial = 1; trial <= CONTROL_TRIES; trial += 1) {
      const open = controls.filter(
        ({ arm }) => !this.#runs.ended(arm, stage).some(({ result }) => shows(result)),
      );
      await this.#run(
        open.flatMap(({ arm }) => this.#runs.due(arm, stage, [trial])),
        'any time',
      );
      if (this.#options.signal.aborted) break;
    }
    return controls.map(({ kind, arm }) => {
      const results = this.#runs.ended(arm, stage).map(({ result }) => result);
      const shown = results.find(shows);
      const held = shown !== undefined && isMet(kind, shown);
      return { kind, arm, stage, held, shown, results };
    });
  }

  /** Round by round, so that a night that ends early has covered all cells; baselines beside their candidates. */
  async screen(): Promise<void> {
    const order = this.#interleaved();
    const rounds = Math.max(0, ...order.map((id) => this.#runs.arm(id).trials));
    const plans = Array.from({ length: rounds }, (_, index) => index + 1).flatMap((trial) =>
      order
        .filter((id) => this.#runs.arm(id).trials >= trial)
        .flatMap((id) => this.#runs.due(id, 'screening', [trial])),
    );
    const { cells } = this.#record;
    this.#works.say(`screening: ${countOf(cells.length, 'cell')}, ${countOf(plans.length, 'run')} left`);
    await this.#run(plans, 'budget');
  }

  /** Ids of the arms of cells and baselines, cell by cell. */
  #interleaved(): string[] {
    return [
      ...new Set(
        this.#record.cells.flatMap(({ arm, comparisons }) => [
          arm,
          ...comparisons.map(({ baseline }) => baseline),
        ]),
      ),
    ];
  }

  /** Repeats what is suspicious, the most telling first, until it is decided or the budget ends. */
  async confirm(): Promise<void> {
    const compared = new Map(
      this.#record.cells.flatMap(({ comparisons }) => comparisons.map((one) => [one.id, one] as const)),
    );
    for (;;) {
      const open = suspicions(comparedOf(this.#seen()), this.#record.confirm).filter(
        ({ nextLook }) => nextLook !== undefined,
      );
      const plans: RunPlan[] = [];
      const batch: string[] = [];
      for (const { id, nextLook = 0 } of open) {
        const comparison = compared.get(id);
        if (comparison === undefined) continue;
        for (let trial = 1; trial <= nextLook; trial += 1) {
          for (const arm of [comparison.candidate, comparison.baseline]) {
            const due = this.#runs.due(arm, 'confirming', [trial]);
            plans.push(...due.filter(({ runId }) => !plans.some((plan) => plan.runId === runId)));
          }
        }
        batch.push(id);
        // Enough for every guest that runs at a time; then the data are looked at.
        if (plans.length >= 2 * this.#jobs) break;
      }
      if (plans.length === 0) return;
      const names = batch.map((id) => this.#comparisonText(compared.get(id)?.candidate));
      this.#works.say(`confirming ${[...new Set(names)].join(', ')}: ${countOf(plans.length, 'run')}`);
      const before = this.#ended;
      await this.#run(plans, 'budget');
      if (this.#options.signal.aborted || this.#outOfBudget) return;
      if (this.#ended === before) throw new Error('no confirming run has ended');
    }
  }

  #comparisonText(armId: string | undefined): string {
    if (armId === undefined) return '?';
    const { plan, kernel } = this.#runs.arm(armId);
    return `${plan.scenario.name} on ${kernel.name}`;
  }

  #seen() {
    return {
      cells: this.#record.cells,
      armOf: (id: string): ArmRuns => {
        const { kernel, recorded, reproduce } = this.#runs.arm(id);
        const [screening, confirming] = [
          this.#runs.ended(id, 'screening'),
          this.#runs.ended(id, 'confirming'),
        ];
        const { night, ...counts } = recorded ?? {
          night: '',
          captured: 0,
          hung: 0,
          other: 0,
          void: 0,
          harnessErrors: 0,
        };
        const trials = Object.values(counts).reduce((sum, count) => sum + count, 0);
        return {
          kernel: nightKernel(kernel),
          screening: screening.map(({ result }) => result),
          confirming: confirming.map(({ result }) => result),
          ...(recorded === undefined ? {} : { recorded: { ...counts, trials, night } }),
          runs: [...screening, ...confirming].map(({ below }) => below),
          reproduce,
        };
      },
    };
  }

  /** Judges, and writes what the night says. */
  async end(seen: readonly ControlSeen[]): Promise<NightOutcome> {
    const failed = seen.filter(({ held }) => !held);
    const blind = failed.length > 0;
    const cells = judgeNight({ ...this.#seen(), confirm: this.#record.confirm, blind });
    const faults = [...this.#record.faults, ...this.#harnessErrors()];
    const controls = this.#record.controls.map((one) => nightControl(this.#runs, one, seen));
    const { night, name, kernels, startedAt, deferred } = this.#record;
    const now = this.#works.wallClock().toISOString();
    const exitCode = nightExitCode({ blind, cells, faults: faults.length });
    const verdicts: NightVerdicts = {
      schema: NIGHT_SCHEMA,
      kind: 'night',
      night,
      startedAt,
      // The clock may have been set back meanwhile.
      endedAt: now < startedAt ? startedAt : now,
      outOfBudget: this.#outOfBudget,
      blind,
      blindBecause: failed.map((one) => bounded(`${this.#controlName(one)}: ${whyOf(one)}`)),
      kernels: kernels.map(nightKernel),
      controls,
      cells: cells.map(({ cell }) => ({ ...cell, why: bounded(cell.why) })),
      exitCode,
      faults: [...faults, ...deferred].map(bounded),
    };
    const text = nightText(verdicts, name);
    const markdown = nightMarkdown(verdicts, name);
    const ended = this.#runs.all().map(({ result }) => result);
    await this.#works.report(this.#directory, {
      results: ended,
      // The counts of a former night stand for the others.
      plans: this.#record.arms.flatMap(({ id, trials, plan }) =>
        trials > 0 || this.#runs.begun(id) ? [plan] : [],
      ),
      night: verdicts,
      history: pastRates(this.#options.former, { record: this.#record, verdicts }),
    });
    await writeEnd(this.#directory, { verdicts, text, markdown });
    await this.note('ended');
    return {
      verdicts,
      cells,
      text,
      markdown,
      exitCode,
    };
  }

  #harnessErrors(): string[] {
    const errors = this.#runs
      .all()
      .map(({ result }) => result)
      .filter(({ outcome }) => outcome === 'harness-error');
    const [first] = errors;
    if (first === undefined) return [];
    return [
      `${countOf(errors.length, 'run')} ended in a harness error, first ${first.runId}: ${first.explanation}`,
    ];
  }

  #controlName({ arm, kind, stage }: ControlSeen): string {
    const { plan, kernel } = this.#runs.arm(arm);
    return `at its ${stage}, the control ${plan.scenario.name} on ${kernel.spec} did not show that it ${MUST[kind].words}`;
  }
}

function nightKernel({ name, spec, release, sha256, commit }: RecordedKernel): NightKernel {
  return { name, spec, release, sha256, ...(commit === undefined ? {} : { commit }) };
}

/** The faults that leave a night unfinished, in one line. */
export function isUnfinishing(error: unknown): error is Fault {
  return error instanceof Fault && error.kind === 'harness';
}
