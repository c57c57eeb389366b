import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { readRuns } from '../store/campaign-directory.js';
import { rejudge } from '../store/rejudge.js';
import { resetKind } from '../machine/qemu/reset-kind.js';
import { type Control, mapOf, type NmiMap } from '../sweep/map.js';
import { landmarks, nextPoints } from '../sweep/next-points.js';
import { type EndWord, outcomeOf, type PointOutcome } from '../sweep/outcome.js';
import { pointName, pointOf, pointScenario, traceName, traceScenario } from '../sweep/script.js';
import { callsThatChangeTheIdt, isWholeWay, type WayPoint, wayOf } from '../sweep/way.js';
import { derivePlan } from './derive-plan.js';
import { type CampaignOptions, runCampaign } from './run-campaign.js';

/** A point, or the way itself, is tried this often before it counts as unknown. */
const TRIES = 2;

/** A call inside a call inside a call: the way is recorded once more for each; deeper ones stay as they are. */
const ROUNDS = 6;

interface Traced {
  readonly way: readonly WayPoint[];
  readonly control: Control;
}

/** One kernel to sweep: `arm` tells its runs from another kernel's in the same campaign. */
export interface SweepArm {
  readonly arm: 'a' | 'b';
  /** A plan for this kernel whose QEMU can inject NMIs. */
  readonly template: RunPlan;
}

/** Options of {@link runSweep}. */
export interface SweepOptions extends CampaignOptions {
  /** Points that may be probed. */
  readonly pointsMost: number;
  readonly freshNonce: () => string;
  readonly onPlan?: ((text: string) => void) | undefined;
}

/** What became of a sweep: a map, or no way to draw one on. */
export type Sweep =
  | { readonly kind: 'map'; readonly map: NmiMap }
  | { readonly kind: 'no-way'; readonly why: string };

/**
 * Sweeps one kernel: records the way, then probes points of it until every change of outcome lies between two
 * instructions, or the points are used up. What is already in the campaign's directory is not run again, so that an
 * interrupted sweep goes on where it was.
 */
export async function runSweep(directory: string, target: SweepArm, options: SweepOptions): Promise<Sweep> {
  const begun = await Begun.read(directory, target);
  const traced = await trace(begun, options);
  if (traced === undefined) {
    const last = begun.lastOf(traceName(1));
    const said = last === undefined ? 'it was stopped before' : last.explanation;
    const why =
      last === undefined || saysNothing(last)
        ? said
        : `the way to the capture kernel's own IDT was not walked to its end (${said})`;
    return { kind: 'no-way', why };
  }
  const { way, control } = traced;
  const wanted = landmarks(way).length;
  options.onPlan?.(
    `${way.length} points; ${wanted} runs for the landmarks, then about ${bisectionRuns(way)} for each change that is not at one of them`,
  );
  let complete = false;
  let outcomes = await begun.outcomes();
  while (options.signal?.aborted !== true) {
    const known = new Map<number, EndWord>([...outcomes].map(([index, { end }]) => [index, end]));
    const open = nextPoints(way, known);
    // A way whose ends no run can be brought to leaves nothing open either.
    complete = open.length === 0 && [0, way.length - 1].every((end) => outcomes.has(end));
    const next = open.slice(0, Math.max(0, options.pointsMost - outcomes.size));
    if (next.length === 0) break;
    await begun.run(
      next.map((index) => ({ name: pointName(index), scenario: pointScenario(way, index) })),
      options,
    );
    outcomes = await begun.outcomes();
  }
  const { kernel, captureKernel, machine, accel } = target.template;
  const map = mapOf(way, outcomes, {
    kernel: { spec: kernel.spec, release: kernel.release, captureRelease: captureKernel.release },
    cpus: machine.cpus,
    accel: accel.accel,
    runs: begun.runs,
    complete,
    control,
  });
  return { kind: 'map', map };
}

/** Halving the longest stretch between two landmarks, at worst. */
function bisectionRuns(way: readonly WayPoint[]): number {
  const marks = landmarks(way);
  const sorted = [...marks].sort((one, other) => one - other);
  const longest = sorted.reduce((most, mark, place) => Math.max(most, mark - (sorted[place - 1] ?? 0)), 1);
  return Math.ceil(Math.log2(longest));
}

/**
 * Records the way: again and again, until no call is gone over that changes the IDT, each time into the calls that
 * were seen to. When a later round says nothing, the way is what the rounds before it made of it.
 */
async function trace(begun: Begun, options: SweepOptions): Promise<Traced | undefined> {
  let traced = await traceOnce(begun, options, traceScenario());
  const from: string[] = [];
  for (let round = 2; traced !== undefined && round <= ROUNDS; round += 1) {
    const more = callsThatChangeTheIdt(traced.way).filter((call) => !from.includes(call));
    if (more.length === 0) break;
    from.push(...more);
    const again = await traceOnce(begun, options, traceScenario(round, from));
    if (again === undefined) return options.signal?.aborted === true ? undefined : traced;
    traced = again;
  }
  return traced;
}

async function traceOnce(
  begun: Begun,
  options: SweepOptions,
  scenario: ReturnType<typeof traceScenario>,
): Promise<Traced | undefined> {
  const { name } = scenario;
  for (;;) {
    const result = begun.lastOf(name);
    if (result !== undefined && !saysNothing(result)) {
      const { events } = await rejudge(result.directory);
      const armed = events.findLast((event) => event.type === 'armed');
      const walked = events.flatMap((event) =>
        event.type === 'host' && event.fact.fact === 'walked' ? event.fact.instructions : [],
      );
      const way = wayOf(walked, armed?.armed);
      // A guest that ran on to its end while a call was gone over was captured, but was not walked to the end.
      if (isWholeWay(way)) return { way, control: { verdict: result.verdict, runId: result.runId } };
    }
    if (begun.triesOf(name) >= TRIES || options.signal?.aborted === true) return undefined;
    await begun.run([{ name, scenario }], options);
  }
}

function saysNothing({ verdict }: RunResult): boolean {
  return verdict === 'void' || verdict === 'harness-error' || verdict === 'boot-failed';
}

interface Wish {
  readonly name: string;
  readonly scenario: ReturnType<typeof traceScenario>;
}

/** What has been run of one arm. */
class Begun {
  readonly #directory: string;
  readonly #target: SweepArm;
  readonly #results: RunResult[] = [];
  /** Names of directories: a run that was cut off has one, but no result. */
  readonly #taken = new Set<string>();

  private constructor(directory: string, target: SweepArm) {
    this.#directory = directory;
    this.#target = target;
  }

  static async read(directory: string, target: SweepArm): Promise<Begun> {
    const begun = new Begun(directory, target);
    for (const { runId, result } of await readRuns(directory)) {
      if (!runId.startsWith(`${target.arm}-`)) continue;
      begun.#taken.add(runId);
      if (result !== undefined) begun.#results.push(result);
    }
    return begun;
  }

  /** Runs that came to a result. */
  get runs(): number {
    return this.#told().length;
  }

  lastOf(name: string): RunResult | undefined {
    return this.#told().findLast(({ scenario }) => scenario === name);
  }

  triesOf(name: string): number {
    return this.#told().filter(({ scenario }) => scenario === name).length;
  }

  async run(wishes: readonly Wish[], options: SweepOptions): Promise<void> {
    const { arm, template } = this.#target;
    const plans = wishes.map(({ name, scenario }) => {
      const label = template.kernel.label.replace(/[^\w.+-]/g, '_').slice(0, 64);
      const first = `${arm}-${name.replace('nmi-transition-', '')}-${label}`;
      let runId = first;
      for (let attempt = 2; this.#taken.has(runId); attempt += 1) runId = `${first}.${attempt}`;
      this.#taken.add(runId);
      return derivePlan(template, { scenario, runId, nonce: options.freshNonce() });
    });
    this.#results.push(...(await runCampaign(this.#directory, plans, options)));
  }

  /** The outcome at each point that was tried; one that said nothing the first time is not among them. */
  async outcomes(): Promise<ReadonlyMap<number, PointOutcome>> {
    const outcomes = new Map<number, PointOutcome>();
    for (const result of this.#told()) {
      const index = pointOf(result.scenario);
      if (index === undefined) continue;
      const before = outcomes.get(index);
      // Of two tries, the one that says something counts.
      if (before !== undefined && before.end !== 'unknown') continue;
      const outcome = outcomeOf(result, await resetKind(result.directory, result.accel));
      if (outcome.end !== 'unknown' || this.triesOf(result.scenario) >= TRIES) outcomes.set(index, outcome);
    }
    return outcomes;
  }

  /** A run that was stopped from outside was no try. */
  #told(): readonly RunResult[] {
    return this.#results.filter(({ detail }) => detail !== 'interrupted');
  }
}
