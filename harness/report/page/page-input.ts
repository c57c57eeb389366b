import type { NightVerdicts } from '../../model/night-verdict.js';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { ComparisonObject } from '../../stats/comparison-json.js';
import type { BlockPlace } from './blocks.js';
import type { PastRates } from './sparkline.js';
import type { SweptLocks } from './locks.js';
import type { SweptMaps } from './sweep.js';

/** A host that runs were carried out on. */
export interface PageHost {
  /** As the caller named it; absent for this one. */
  readonly name?: string | undefined;
  readonly accel: 'kvm' | 'tcg';
  /** Why that accelerator, one sentence. */
  readonly accelReason: string;
  readonly qemuVersion: string;
}

/** What runs have recorded, as sections of the page: `blocks` as `Blocks.finish()` gives them. */
export interface PackedRuns {
  readonly blocks: readonly string[];
  readonly places: ReadonlyMap<RunResult, BlockPlace>;
}

/** What a page says. Texts of guests, files and hosts may be anything. */
export interface PageInput {
  /** The campaign's or the night's name. */
  readonly title: string;
  readonly results: readonly RunResult[];
  /** All plans, also those without a result. */
  readonly plans: readonly RunPlan[];
  /** The sections of the runs; a run without one has its row only. */
  readonly runs?: PackedRuns | undefined;
  readonly hosts: readonly PageHost[];
  readonly crashpathVersion: string;
  /** Time of creation, ISO 8601; shown verbatim. */
  readonly generatedAt: string;
  /** Of a night. */
  readonly night?: NightVerdicts | undefined;
  /** Of `crashpath compare`. */
  readonly comparison?: ComparisonObject | undefined;
  /** Of `crashpath sweep nmi-transition`. */
  readonly sweep?: SweptMaps | undefined;
  /** Of `crashpath sweep crash-locks`. */
  readonly locks?: SweptLocks | undefined;
  /** Of earlier nights or campaigns, by cell. */
  readonly history?: readonly PastRates[] | undefined;
}
