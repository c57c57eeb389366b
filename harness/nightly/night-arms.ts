import { join } from 'node:path';
import { sha256Of } from '../cache/sha256.js';
import { specBeside } from '../kernel/index.js';
import type { Expectation } from '../model/expectation.js';
import { Fault, usageFault } from '../model/fault.js';
import { decidingText } from '../night/deciding-text.js';
import { type FormerNight, knownArms, type KnownArm, seeing } from '../night/former-nights.js';
import type { ControlEntry } from '../night/night-file.js';
import {
  CONTROL_KINDS,
  type ControlKind,
  type NightArm,
  type NightRecord,
  type RecordedKernel,
} from '../night/night-record.js';
import type { NightRead } from '../night/read-night.js';
import { reproduceCommand } from '../plan/reproduce.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import type { ShippedFiles } from '../prepare/options.js';
import { loadScenarios } from '../prepare/scenario-files.js';
import { MUST } from './controls.js';
import { faultText, type FindOptions, type FoundKernel, keptKernel } from './find-kernels.js';
import { fileBeside, isShipped, type NightCampaign, type NightRow } from './night-campaign.js';
import { CAMPAIGN, NIGHT_FILES } from './night-directory.js';
import type { NightWorks } from './works.js';

/** Options of {@link planNight}. */
export interface PlanNightOptions extends FindOptions {
  readonly files: ShippedFiles;
  readonly crashpathVersion: string;
  /** The night's name, and the directory that it will have. */
  readonly night: string;
  readonly directory: string;
  readonly startedAt: Date;
  readonly former: readonly FormerNight[];
  /** Lines about nights that cannot be read. */
  readonly damaged: readonly string[];
  /** Run also what former nights have run. */
  readonly again: boolean;
}

/** Letters of ids: an arm of a cell or baseline, a control. */
const ARM = { cell: 'a', control: 'k' } as const;

const CONTROLS: Readonly<Record<ControlKind, { readonly kernel: string; readonly scenario: string }>> = {
  mustHang: { kernel: 'no-zap', scenario: 'ioapic-lock-held' },
  mustCapture: { kernel: 'stock', scenario: 'sysrq-task' },
  mustNotCrash: { kernel: 'stock', scenario: 'no-trigger' },
};

export function recorded({ column, spec, place, kernel, commit }: FoundKernel): RecordedKernel {
  const { release, sha256 } = kernel;
  return { name: column, spec, place, release, sha256, ...(commit === undefined ? {} : { commit }) };
}

/** An arm without an id, with the name of its machine. */
interface DraftArm {
  readonly arm: Omit<NightArm, 'id' | 'trials' | 'recorded'>;
  readonly machine: string | undefined;
}

interface Drafted {
  readonly arms: readonly DraftArm[];
  readonly faults: readonly string[];
  readonly rowOf: (scenario: Scenario) => NightRow;
  readonly repeatOf: (scenario: Scenario) => number;
}

/** The arms of a night while it is planned, each once. */
export class NightArms {
  readonly former: readonly FormerNight[];
  readonly known: ReadonlyMap<string, KnownArm>;
  readonly all: NightArm[] = [];
  readonly ownScenarios: Scenario[] = [];
  readonly #night: NightRead;
  readonly #campaign: NightCampaign;
  readonly #works: NightWorks;
  readonly #options: PlanNightOptions;
  readonly #drafts = new Map<string, Drafted>();
  #pinned: { kernel: RecordedKernel | undefined } | undefined;
  #comparisons = 0;

  constructor(
    night: NightRead,
    campaign: NightCampaign,
    { works, options }: { works: NightWorks; options: PlanNightOptions },
  ) {
    this.#night = night;
    this.#campaign = campaign;
    this.#works = works;
    this.#options = options;
    this.former = seeing(options.former, night.name);
    this.known = knownArms(this.former);
    for (const { scenario, shipped } of campaign.rows) if (!shipped) this.ownScenarios.push(scenario);
  }

  nextComparison(): string {
    this.#comparisons += 1;
    return `x${String(this.#comparisons).padStart(3, '0')}`;
  }

  /**
   * The arms of a kernel. A scenario that the kernel cannot run is a fault, and the others go on; so is a kernel that can
   * run none.
   */
  async arms(kernel: RecordedKernel, rows: readonly NightRow[]): Promise<Drafted> {
    const arms: DraftArm[] = [];
    const faults: string[] = [];
    try {
      arms.push(...(await this.#plan(kernel, rows)));
    } catch (error) {
      if (!(error instanceof Fault) || error.kind === 'harness') throw error;
      for (const row of rows) {
        try {
          arms.push(...(await this.#plan(kernel, [row])));
        } catch (again) {
          faults.push(`${kernel.name}: ${faultText(again)}`);
        }
      }
    }
    const rowOf = ({ name }: Scenario) => {
      const row = rows.find(({ scenario }) => scenario.name === name);
      if (row === undefined) throw new Error(`no row ${name}`);
      return row;
    };
    return { arms, faults, rowOf, repeatOf: (scenario) => rowOf(scenario).repeat };
  }

  /** The pinned baseline, resolved once. */
  async pinned(faults: string[]): Promise<RecordedKernel | undefined> {
    const { kernel: spec } = this.#night.baselines;
    if (spec === undefined) return undefined;
    if (this.#pinned === undefined) {
      try {
        const found = await keptKernel(
          specBeside(spec, this.#options.base),
          this.#works,
          this.#options.keepIn,
        );
        this.#pinned = { kernel: recorded({ ...found, column: 'baseline', source: 'baseline' }) };
      } catch (error) {
        faults.push(`baseline: ${faultText(error)}`);
        this.#pinned = { kernel: undefined };
      }
    }
    return this.#pinned.kernel;
  }

  /** The arm of a baseline in one scenario on one machine. Undefined, with a fault, when that kernel cannot be used. */
  async baseline(
    kernel: RecordedKernel,
    { row, machine, faults }: { row: NightRow; machine: string | undefined; faults: string[] },
  ): Promise<NightArm | undefined> {
    const key = JSON.stringify([kernel.place, kernel.name]);
    let drafted = this.#drafts.get(key);
    if (drafted === undefined) {
      drafted = await this.#baselineArms(kernel);
      this.#drafts.set(key, drafted);
    }
    faults.push(...drafted.faults.filter((fault) => !faults.includes(fault)));
    const draft = drafted.arms.find(
      (one) => one.arm.plan.scenario.name === row.scenario.name && one.machine === machine,
    );
    if (draft === undefined) return undefined;
    const counts = this.known.get(draft.arm.key);
    if (counts === undefined) return this.add(draft.arm, { trials: row.repeat });
    const { captured, hung, other, void: voids, harnessErrors } = counts.tally;
    const recordedCounts = { night: counts.night, captured, hung, other, void: voids, harnessErrors };
    return this.add(draft.arm, { trials: 0, recorded: recordedCounts });
  }

  async #baselineArms(kernel: RecordedKernel): Promise<Drafted> {
    const none = (fault: string): Drafted => ({
      arms: [],
      faults: [`baseline ${kernel.name}: ${fault}`],
      rowOf: () => {
        throw new Error('no row');
      },
      repeatOf: () => 0,
    });
    try {
      const { sha256 } = await this.#works.resolve(kernel.place);
      if (sha256 !== kernel.sha256)
        return none(`"${kernel.place}" is another kernel now; its builds were changed`);
      return await this.arms(kernel, this.#campaign.rows);
    } catch (error) {
      return none(faultText(error));
    }
  }

  /** Gives an arm its id; an arm that decides the same runs has one already. */
  add(
    arm: DraftArm['arm'],
    more: Pick<NightArm, 'trials' | 'recorded'>,
    letter: string = ARM.cell,
  ): NightArm {
    const index = this.all.findIndex(({ id, key }) => key === arm.key && id.startsWith(letter));
    const known = this.all[index];
    if (known !== undefined) {
      // Recorded counts are enough for a baseline; a candidate that runs again counts for both.
      if (more.trials <= known.trials) return known;
      const { recorded: _, ...rest } = known;
      const renewed = { ...rest, trials: more.trials };
      this.all[index] = renewed;
      return renewed;
    }
    const count = this.all.filter(({ id }) => id.startsWith(letter)).length + 1;
    const added = { id: `${letter}${String(count).padStart(2, '0')}`, ...arm, ...more };
    this.all.push(added);
    return added;
  }

  /** The controls, each on one machine. Throws what is wrong with one: without them the night would be blind. */
  async controls(): Promise<NightRecord['controls']> {
    const controls: NightRecord['controls'] = [];
    for (const kind of CONTROL_KINDS) {
      const entry: ControlEntry = this.#night.controls[kind] ?? {};
      if (entry === false) continue;
      const { kernel: spec = CONTROLS[kind].kernel, scenario: reference = CONTROLS[kind].scenario } = entry;
      const { base, keepIn, files } = this.#options;
      try {
        const scenarios = await loadScenarios(fileBeside(reference, base), files);
        const [scenario] = scenarios;
        if (scenario === undefined || scenarios.length > 1) {
          throw usageFault(
            `cannot use scenario "${reference}": the file holds ${scenarios.length}; name one of them`,
          );
        }
        const found = await keptKernel(specBeside(spec, base), this.#works, keepIn);
        const kernel = recorded({ ...found, column: `control-${spec}`.slice(0, 100), source: 'control' });
        const shipped = await isShipped(scenario, files);
        if (!shipped && !this.ownScenarios.some(({ name }) => name === scenario.name))
          this.ownScenarios.push(scenario);
        const rows = [{ scenario, repeat: 1, shipped }];
        const [draft] = await this.#plan(kernel, rows, { onOneMachine: true, expect: MUST[kind].expect });
        if (draft === undefined) throw new Error('a control has no plan');
        controls.push({ kind, arm: this.add(draft.arm, { trials: 0 }, ARM.control).id });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const why = `cannot prepare the control "${kind}" (${reference} on ${spec}): ${error.message}; name another kernel or scenario in controls: ${kind}, or write false`;
        throw new Fault(error.kind, why, { cause: error });
      }
    }
    return controls;
  }

  /** One plan of each scenario, on each of its machines. */
  async #plan(
    kernel: RecordedKernel,
    rows: readonly NightRow[],
    { onOneMachine = false, expect }: { onOneMachine?: boolean; expect?: Expectation } = {},
  ): Promise<DraftArm[]> {
    const { captureSpec, append, captureAppend, choices } = this.#campaign;
    const guests = { ...choices, ...(onOneMachine ? { machineProfile: undefined } : {}) };
    const hosts = this.#night.hosts ?? [];
    const trials = rows.map(({ scenario }) => ({
      trial: 1,
      cell: {
        ...{ scenario, spec: kernel.place, captureSpec, append, captureAppend },
        cell: { kernel: kernel.name, expect: expect ?? scenario.expect },
      },
    }));
    const planned = await this.#works.plan(trials, guests, hosts);
    const [plans = []] = planned;
    return plans.map((plan, index): DraftArm => {
      const machine = plan.cell?.machine;
      const row = rows.find(({ scenario }) => scenario.name === plan.scenario.name);
      const key = sha256Of(decidingText(plan, this.#options.crashpathVersion));
      const scenario =
        row?.shipped === true
          ? plan.scenario.name
          : join(this.#options.directory, NIGHT_FILES.scenarios, `${plan.scenario.name}.yaml`);
      return {
        machine,
        arm: {
          key,
          kernel,
          plan: { ...plan, campaign: CAMPAIGN },
          hosts: hosts.flatMap((name, host) => {
            const there = planned[host]?.[index];
            return there === undefined ? [] : [{ name, plan: { ...there, campaign: CAMPAIGN } }];
          }),
          reproduce: reproduceCommand(plan, {
            scenario,
            machine: machineReference(plan, guests.machineProfile),
            hosts,
            repeat: row?.repeat ?? 1,
          }),
        },
      };
    });
  }
}

/** How the machine of a plan is named on a command line: by the file's path when the file names it by one. */
function machineReference(plan: RunPlan, named: readonly string[] | undefined): string | undefined {
  const name = plan.cell?.machine;
  if (name === undefined) return undefined;
  return named?.find((reference) => reference.endsWith(`/${name}.yaml`)) ?? name;
}
