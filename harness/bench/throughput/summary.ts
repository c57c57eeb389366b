import { CONTROL_EVERY } from '../../campaign/templates.js';
import { z } from 'zod';
import { median } from '../../stats/median.js';
import { CONTENDERS, type Letter, LETTERS } from './contenders.js';
import { PHASES, type PhaseCost } from './phases.js';
import { captureCost, type CaptureCost, cloneCosts, type TakenTurn } from './turn.js';
import type { ProcessMemory } from './usage.js';

/** Middle and both ends of what several rounds showed. */
const SpreadSchema = z.strictObject({
  median: z.number(),
  least: z.number(),
  most: z.number(),
  count: z.number().int().min(1),
});
export type Spread = z.infer<typeof SpreadSchema>;
const spread = SpreadSchema.nullable();

const PhaseSchema = z.strictObject({
  phase: z.enum(PHASES),
  wallMs: SpreadSchema,
  /** Of QEMU. */
  cpuMs: spread,
});

const MemorySchema = z.strictObject({ rssKiB: spread, pssKiB: spread, anonymousKiB: spread });

const CampaignSchema = z.strictObject({
  /** Runs of a turn: the first boots, the others are clones of a template, which boots too. */
  runs: z.number().int(),
  clones: z.number().int(),
  /** CPU time of a turn, its boots and node's start included, for each of its captures. */
  cpuMs: SpreadSchema,
  /** What is left of it without the clones: the boots, node's start, the report. */
  besideClonesMs: SpreadSchema,
  wallMs: SpreadSchema,
  /** Node's CPU time as a share of the guests', of whole turns. */
  harnessShare: SpreadSchema,
  /** The boot of a template, wall time. */
  templateMs: spread,
  /** Of a long campaign, by the medians: every tenth run is a fresh one of `b`. Null without `b`; the ratio without `a`. */
  long: z.strictObject({ cpuMs: z.number(), ratio: z.number().nullable() }).nullable(),
});

const ContenderSchema = z.strictObject({
  letter: z.enum(LETTERS),
  name: z.string(),
  jobs: z.number().int(),
  /** Turns that count. */
  turns: z.number().int(),
  /** Of one capture; of a campaign of clones, of one clone. */
  capture: z
    .strictObject({
      wallMs: SpreadSchema,
      cpuMs: SpreadSchema,
      guestMs: SpreadSchema,
      harnessMs: SpreadSchema,
      harnessShare: SpreadSchema,
      perHour: SpreadSchema,
      /** Of a CPU of the host: by its number of CPUs, and by the CPU time that a capture takes. */
      perCoreHour: z.strictObject({ wall: SpreadSchema, cpu: SpreadSchema }),
      /** Captures per core and hour against the shell loop of the same round. */
      ratio: z.strictObject({ wall: spread, cpu: spread }),
      /** CPU time against the floor's median. */
      ofFloor: spread,
    })
    .nullable(),
  campaign: CampaignSchema.nullable(),
  phases: z.array(PhaseSchema),
  memory: z.strictObject({ armed: MemorySchema, captured: MemorySchema }),
  harnessPeakKiB: spread,
  toRunningMs: spread,
  failed: z.array(z.string()),
});
export type ContenderSummary = z.infer<typeof ContenderSchema>;

/** The form of `--json`. */
export const BenchSchema = z.strictObject({
  schema: z.literal(1),
  kind: z.literal('bench'),
  kernel: z.string(),
  hangKernel: z.string(),
  accel: z.string(),
  qemu: z.string(),
  host: z.strictObject({ cpus: z.number().int(), memoryMiB: z.number(), loadBefore: z.number() }),
  rounds: z.number().int(),
  /** Words of `crashpath run` that fresh runs and clones had, and the loop had not. */
  chosen: z.array(z.string()),
  /** Stopped by a signal before all rounds were complete. */
  stopped: z.boolean(),
  contenders: z.array(ContenderSchema),
  floor: z.strictObject({ cpuMs: spread, how: z.string() }),
  hang: z
    .strictObject({
      provedMs: SpreadSchema,
      /** Until crashpath's result is printed. */
      verdictMs: SpreadSchema,
      loopTimeoutMs: z.number(),
    })
    .nullable(),
  goals: z.array(
    z.strictObject({
      goal: z.string(),
      bound: z.enum(['at least', 'at most']),
      limit: z.number(),
      unit: z.string(),
      measured: z.number().nullable(),
      met: z.boolean().nullable(),
    }),
  ),
});
export type Bench = z.infer<typeof BenchSchema>;

/** How the floor is measured. */
export const FLOOR =
  "CPU time of QEMU in the shell loop, from the crashed kernel's last line to the first line of the capture kernel's init";

/** Median, least and most; null for no values. Pure. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  return {
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    count: values.length,
  };
}

/** As {@link spreadOf}, of values that are known not to be none. */
function spreadOfSome(values: readonly number[]): Spread {
  const known = spreadOf(values);
  if (known === null) throw new Error('a spread of nothing');
  return known;
}

/** CPU time of the capture kernel's own boot. Pure. */
export function floorOf(turns: readonly TakenTurn[]): Spread | null {
  return spreadOf(
    counting(turns, 'a').flatMap(({ cycle }) =>
      cycle?.costs.captureBootCpuMs == null ? [] : [cycle.costs.captureBootCpuMs],
    ),
  );
}

/** From the panic to the proof, and to the result, of the guest that hangs. Pure. */
export function hangOf(turns: readonly TakenTurn[], loopTimeoutMs: number): Bench['hang'] {
  const runs = counting(turns, 'e').flatMap(({ runs: [run] }) => (run === undefined ? [] : [run]));
  const provedMs = spreadOf(runs.flatMap(({ costs }) => costs.hangProvedMs ?? []));
  const verdictMs = spreadOf(
    runs.flatMap(({ beganMs, endedMs, costs: { panicAtMs } }) =>
      panicAtMs === null ? [] : [endedMs - beganMs - panicAtMs],
    ),
  );
  return provedMs === null || verdictMs === null ? null : { provedMs, verdictMs, loopTimeoutMs };
}

/** A contender's turns as one row. Pure. */
export function summaryOf(
  letter: Letter,
  turns: readonly TakenTurn[],
  { cpus }: { readonly cpus: number },
): ContenderSummary {
  const { name, jobs } = CONTENDERS[letter];
  const own = counting(turns, letter);
  const isCampaign = letter === 'c' || letter === 'd';
  const runs = own.flatMap((turn) => turn.runs).filter(({ isClone }) => isClone === isCampaign);
  const cycles = own.flatMap(({ cycle }) => cycle ?? []);
  const memories = [...runs, ...cycles].map(({ memory }) => memory);
  return {
    ...{ letter, name, jobs, turns: own.length },
    capture: letter === 'e' ? null : captureOf(own, turns, { jobs, cpus }),
    campaign: isCampaign && own.length > 0 ? campaignOf(own, turns) : null,
    phases: phasesOf([...runs, ...cycles].map(({ costs }) => costs.phases)),
    memory: {
      armed: memoryOf(memories.flatMap(({ armed }) => armed ?? [])),
      captured: memoryOf(memories.flatMap(({ captured }) => captured ?? [])),
    },
    harnessPeakKiB: spreadOf(own.flatMap(({ peakKiB }) => peakKiB ?? [])),
    toRunningMs: spreadOf(runs.flatMap(({ costs }) => costs.toRunningMs ?? [])),
    failed: turns
      .filter((turn) => turn.letter === letter)
      .flatMap(({ round, failed }) => (failed === undefined ? [] : [`round ${round}: ${failed}`])),
  };
}

function captureOf(
  own: readonly TakenTurn[],
  all: readonly TakenTurn[],
  { jobs, cpus }: { readonly jobs: number; readonly cpus: number },
): ContenderSummary['capture'] {
  const floor = floorOf(all);
  const costs = own.flatMap((turn) => {
    const cost = captureCost(turn);
    return cost === undefined ? [] : [{ ...cost, round: turn.round, cpuMs: cost.guestMs + cost.harnessMs }];
  });
  if (costs.length === 0) return null;
  const loops = new Map<number, CaptureCost>(
    counting(all, 'a').flatMap((turn) => {
      const cost = captureCost(turn);
      return cost === undefined ? [] : [[turn.round, cost] as const];
    }),
  );
  const of = (value: (cost: (typeof costs)[number]) => number) => spreadOfSome(costs.map(value));
  const against = (ratio: (loop: CaptureCost, cost: (typeof costs)[number]) => number) =>
    spreadOf(
      costs.flatMap((cost) => {
        const loop = loops.get(cost.round);
        return loop === undefined ? [] : [ratio(loop, cost)];
      }),
    );
  return {
    wallMs: of(({ wallMs }) => wallMs),
    cpuMs: of(({ cpuMs }) => cpuMs),
    guestMs: of(({ guestMs }) => guestMs),
    harnessMs: of(({ harnessMs }) => harnessMs),
    harnessShare: of(({ harnessMs, guestMs }) => harnessMs / guestMs),
    perHour: of(({ wallMs }) => (jobs * HOUR_MS) / wallMs),
    perCoreHour: {
      wall: of(({ wallMs }) => (jobs * HOUR_MS) / wallMs / cpus),
      cpu: of(({ cpuMs }) => HOUR_MS / cpuMs),
    },
    ratio: {
      wall: against((loop, { wallMs }) => (jobs * loop.wallMs) / wallMs),
      cpu: against((loop, { cpuMs }) => (loop.guestMs + loop.harnessMs) / cpuMs),
    },
    ofFloor: floor === null ? null : of(({ cpuMs }) => cpuMs / floor.median),
  };
}

const HOUR_MS = 3_600_000;

function campaignOf(own: readonly TakenTurn[], all: readonly TakenTurn[]): ContenderSummary['campaign'] {
  const runs = own[0]?.runs ?? [];
  const each = (value: (turn: TakenTurn) => number) => spreadOfSome(own.map(value));
  return {
    runs: runs.length,
    clones: runs.filter(({ isClone }) => isClone).length,
    cpuMs: each((turn) => turn.cpuMs / turn.runs.length),
    besideClonesMs: each((turn) => (turn.cpuMs - clonesMs(turn)) / turn.runs.length),
    wallMs: each((turn) => turn.wallMs / turn.runs.length),
    harnessShare: each(({ cpuMs, nodeMs }) => (nodeMs ?? 0) / (cpuMs - (nodeMs ?? 0))),
    templateMs: spreadOf(own.flatMap((turn) => turn.runs.flatMap(({ templateMs }) => templateMs ?? []))),
    long: longCampaign(own, all),
  };
}

function longCampaign(
  own: readonly TakenTurn[],
  all: readonly TakenTurn[],
): NonNullable<ContenderSummary['campaign']>['long'] {
  const medianOf = (turns: readonly TakenTurn[]) =>
    spreadOf(turns.flatMap((turn) => cpuOf(captureCost(turn)) ?? []))?.median;
  const [clone, fresh, loop] = [own, counting(all, 'b'), counting(all, 'a')].map(medianOf);
  if (clone === undefined || fresh === undefined) return null;
  const cpuMs = clone + (fresh - clone) / CONTROL_EVERY;
  return { cpuMs, ratio: loop === undefined ? null : loop / cpuMs };
}

function cpuOf(cost: CaptureCost | undefined): number | undefined {
  return cost === undefined ? undefined : cost.guestMs + cost.harnessMs;
}

/** CPU time of all clones of a turn. */
function clonesMs({ runs }: TakenTurn): number {
  return cloneCosts(runs).reduce((sum, { guestMs, harnessMs }) => sum + guestMs + harnessMs, 0);
}

/** Turns of a contender that came to their expected end. */
function counting(turns: readonly TakenTurn[], letter: Letter): TakenTurn[] {
  return turns.filter((turn) => turn.letter === letter && turn.failed === undefined);
}

function phasesOf(runs: readonly (readonly PhaseCost[])[]): ContenderSummary['phases'] {
  return PHASES.flatMap((phase) => {
    const seen = runs.flatMap((run) => run.filter((cost) => cost.phase === phase));
    const wallMs = spreadOf(seen.map((cost) => cost.wallMs));
    return wallMs === null
      ? []
      : [{ phase, wallMs, cpuMs: spreadOf(seen.flatMap(({ cpuMs }) => cpuMs ?? [])) }];
  });
}

function memoryOf(seen: readonly ProcessMemory[]): z.infer<typeof MemorySchema> {
  return {
    rssKiB: spreadOf(seen.map(({ rssKiB }) => rssKiB)),
    pssKiB: spreadOf(seen.map(({ pssKiB }) => pssKiB)),
    anonymousKiB: spreadOf(seen.map(({ anonymousKiB }) => anonymousKiB)),
  };
}
