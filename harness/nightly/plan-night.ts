import { NIGHT_SCHEMA } from '../model/night-verdict.js';
import { cellOverNights, lastGood, standingRegression } from '../night/former-nights.js';
import { durationMs } from '../night/night-file.js';
import type { NightRecord, PlannedCell, PlannedComparison, RecordedKernel } from '../night/night-record.js';
import type { NightRead } from '../night/read-night.js';
import type { Scenario } from '../plan/scenario.js';
import { findKernels } from './find-kernels.js';
import { NightArms, type PlanNightOptions, recorded } from './night-arms.js';
import { loadNightCampaign } from './night-campaign.js';
import type { NightWorks } from './works.js';

/** What is bad about a build that was not run again: it has regressed, or none of its trials could be judged. */
export interface Standing {
  readonly scenario: string;
  readonly kernel: string;
  readonly machine: string | undefined;
  readonly word: 'regressed' | 'cannot-tell';
  /** The night. */
  readonly since: string;
}

/** A night, ready to be written. */
export interface PlannedNight {
  readonly record: NightRecord;
  /** Scenarios that only the night's file names, to be written to the night's directory. */
  readonly scenarios: readonly Scenario[];
  readonly standing: readonly Standing[];
}

/** What came of planning; `nothing-new`: former nights have run all of it. */
export type Planned =
  | ({ readonly kind: 'night' } & PlannedNight)
  | {
      readonly kind: 'nothing-new';
      /** Kernels that were found; former nights have run all of them. */
      readonly found: number;
      readonly standing: readonly Standing[];
      readonly faults: readonly string[];
      readonly deferred: readonly string[];
    };

/**
 * Plans a night: looks for kernels, leaves out what former nights have run, finds for each cell what it is compared with,
 * and plans one run of each arm. Writes to the cache and to `keepIn` only. A kernel or a source that cannot be used is a
 * fault in the record; a mistake in the file is thrown as a usage fault.
 */
export async function planNight(
  night: NightRead,
  works: NightWorks,
  options: PlanNightOptions,
): Promise<Planned> {
  const campaign = await loadNightCampaign(night, options);
  const found = await findKernels(night.kernels, works, options);
  const planner = new NightArms(night, campaign, { works, options });
  const faults = [...options.damaged, ...found.faults];
  const cells: PlannedCell[] = [];
  const standing: Standing[] = [];
  for (const kernel of found.kernels) {
    const planned = await planner.arms(recorded(kernel), campaign.rows);
    faults.push(...planned.faults);
    for (const { arm, machine } of planned.arms) {
      const { scenario } = arm.plan;
      const name = { scenario: scenario.name, machine, source: kernel.source };
      const cell = {
        scenario: scenario.name,
        kernel: kernel.column,
        ...(machine === undefined ? {} : { machine }),
      };
      const over = cellOverNights(planner.former, name);
      const stands = standingRegression(over);
      const known = planner.known.get(arm.key);
      if (known !== undefined && !options.again) {
        const { night: of, tally } = known;
        if (stands?.last.kernel.sha256 === kernel.kernel.sha256) {
          standing.push({ ...cell, machine, word: 'regressed', since: stands.since });
        } else if (tally.rate === null) {
          standing.push({ ...cell, machine, word: 'cannot-tell', since: of });
        }
        continue;
      }
      const good = night.baselines.lastGoodNight ? lastGood(over, kernel.kernel.sha256) : undefined;
      const wanted: { kind: PlannedComparison['kind']; kernel: RecordedKernel; night?: string }[] = [];
      const pinned = await planner.pinned(faults);
      let lost = night.baselines.kernel !== undefined && pinned === undefined;
      if (pinned !== undefined && pinned.sha256 !== kernel.kernel.sha256)
        wanted.push({ kind: 'pinned', kernel: pinned });
      if (good !== undefined) {
        const column = `${good.kernel.name}@${good.night}`;
        wanted.push({ kind: 'last-good', kernel: { ...good.kernel, name: column }, night: good.night });
      }
      if (stands !== undefined && stands.last.kernel.sha256 !== kernel.kernel.sha256) {
        const { kernel: bad, night: of } = stands.last;
        wanted.push({ kind: 'regressed', kernel: { ...bad, name: `${bad.name}@${of}` }, night: of });
      }
      const comparisons: PlannedComparison[] = [];
      const candidate = planner.add(arm, { trials: planned.repeatOf(scenario) });
      for (const { kind, kernel: baseline, night: of } of wanted) {
        const other = await planner.baseline(baseline, { row: planned.rowOf(scenario), machine, faults });
        if (other === undefined) lost = true;
        if (other === undefined || other.id === candidate.id) continue;
        comparisons.push({
          id: planner.nextComparison(),
          ...{ kind, candidate: candidate.id, baseline: other.id },
          ...(of === undefined ? {} : { night: of }),
        });
      }
      cells.push({
        arm: candidate.id,
        ...cell,
        source: kernel.source,
        comparisons,
        ...(lost && comparisons.every(({ kind }) => kind === 'regressed')
          ? { baselineLost: true as const }
          : {}),
        ...(stands === undefined ? {} : { regressedSince: stands.since }),
      });
    }
  }
  const { deferred } = found;
  if (cells.length === 0) {
    const kernels = found.kernels.length;
    return { kind: 'nothing-new', found: kernels, standing, faults: [...new Set(faults)], deferred };
  }
  const controls = await planner.controls();
  const columns = new Set(cells.map(({ kernel }) => kernel));
  const record: NightRecord = {
    schema: NIGHT_SCHEMA,
    kind: 'night-plan',
    night: options.night,
    name: night.name,
    startedAt: options.startedAt.toISOString(),
    budgetMs: durationMs(night.budget),
    confirm: night.confirm,
    repeat: Math.min(...campaign.rows.map(({ repeat }) => repeat)),
    ...(night.jobs === undefined ? {} : { jobs: night.jobs }),
    hosts: [...(night.hosts ?? [])],
    kernels: found.kernels.filter(({ column }) => columns.has(column)).map(recorded),
    arms: planner.all,
    cells,
    controls,
    faults: [...new Set(faults)],
    deferred: [...deferred],
  };
  return { kind: 'night', record, scenarios: planner.ownScenarios, standing };
}
