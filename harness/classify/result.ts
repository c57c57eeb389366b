import { firstFact, lastMs } from './phases.js';
import type { RunEvent } from '../model/event.js';
import { type Cell, explainVoid } from '../model/cell.js';
import { expectationText, judge } from '../model/expectation.js';
import type { RunResult } from '../model/result.js';
import { STORE_SCHEMA } from '../model/record.js';
import { type StartOfRun, templateOf } from '../model/start.js';
import { repackOf } from '../plan/repack.js';
import type { RunPlan } from '../plan/run-plan.js';
import { type Verdict, VERDICTS } from '../model/verdict.js';

/** Compares a verdict with the plan's expectation and makes the stored and printed object. */
export function resultOf(
  verdict: Verdict,
  plan: RunPlan,
  { events, directory }: { events: readonly RunEvent[]; directory: string },
): RunResult {
  const expect = plan.cell?.expect ?? plan.scenario.expect;
  const voidOk =
    VERDICTS[verdict.word].otherwise === 'inconclusive'
      ? explainVoid(plan.cell?.voidOk, { accel: plan.accel.accel, detail: verdict.detail })
      : undefined;
  const clone = startOf(events);
  return {
    schema: STORE_SCHEMA,
    runId: plan.runId,
    campaign: plan.campaign,
    scenario: plan.scenario.name,
    trial: plan.trial,
    kernel: plan.kernel.label,
    kernelSha256: plan.kernel.sha256,
    captureKernel: plan.captureKernel.label,
    captureKernelSha256: plan.captureKernel.sha256,
    accel: plan.accel.accel,
    ...(plan.accel.unproved === undefined ? {} : { accelUnproved: plan.accel.unproved }),
    // A distribution's kdump service chooses the system call.
    ...(plan.scenario.crashKernel === 'loaded' && plan.distribution === undefined
      ? { loadSyscall: plan.loadSyscall }
      : {}),
    ...(plan.distribution === undefined ? {} : { distribution: plan.distribution.spec }),
    ...repackedOf(plan),
    ...(plan.host === undefined ? {} : { host: plan.host }),
    ...(plan.machine.name === undefined ? {} : { machine: plan.machine.name }),
    ...(plan.variant === undefined ? {} : { variant: plan.variant }),
    verdict: verdict.word,
    ...(verdict.word === 'captured' ? { quality: verdict.quality } : {}),
    degradedBy: verdict.word === 'captured' ? [...verdict.degradedBy] : [],
    undecided: verdict.word === 'captured' ? [...verdict.undecided] : [],
    detail: verdict.detail,
    explanation: verdict.explanation,
    expected: expectationText(expect),
    outcome: judge(verdict, expect),
    ...(plan.cell === undefined ? {} : { cell: placeOf(plan.cell) }),
    ...(voidOk === undefined ? {} : { voidOk }),
    lastPhase: verdict.lastPhase ?? null,
    phases: [...verdict.phases],
    evidence: [...verdict.evidence],
    ...keptOf(events),
    ...(clone === undefined ? {} : { clone }),
    durationMs: Math.round(lastMs(events) - (templateOf({ clone })?.tookMs ?? 0)),
    directory,
  };
}

/** Whether the guest is a clone, or why it booted; undefined in recordings that do not say. */
function startOf(events: readonly RunEvent[]): StartOfRun | undefined {
  const cloned = firstFact(events, 'cloned')?.fact;
  if (cloned !== undefined) return { template: cloned.template, tookMs: cloned.tookMs };
  const booted = firstFact(events, 'booted')?.fact;
  if (booted === undefined) return undefined;
  return { booted: booted.why, ...(booted.saw === undefined ? {} : { saw: booted.saw }) };
}

function repackedOf(plan: RunPlan): Pick<RunResult, 'repacked'> {
  const repacked = repackOf(plan);
  return repacked === undefined ? {} : { repacked };
}

function placeOf({ kernel, machine }: Cell): NonNullable<RunResult['cell']> {
  return { kernel, ...(machine === undefined ? {} : { machine }) };
}

/** What of the guest is kept after the run, as its facts say. */
function keptOf(events: readonly RunEvent[]): Pick<RunResult, 'vmcore' | 'guestKept'> {
  let kept: Pick<RunResult, 'vmcore' | 'guestKept'> = {};
  for (const event of events) {
    if (event.type !== 'host') continue;
    if (event.fact.fact === 'vmcore-kept') {
      const { source, file, format, bytes, pages, level, vmcoreinfo, why } = event.fact;
      const reason = why === undefined ? {} : { why };
      kept = { ...kept, vmcore: { source, file, format, bytes, pages, level, vmcoreinfo, ...reason } };
    } else if (event.fact.fact === 'vmcore-not-kept') kept = { ...kept, vmcore: { missing: event.fact.why } };
    else if (event.fact.fact === 'guest-kept') {
      const { pid, forMinutes, symbols } = event.fact;
      kept = { ...kept, guestKept: { pid, forMinutes, symbols } };
    } else if (event.fact.fact === 'guest-not-kept')
      kept = { ...kept, guestKept: { missing: event.fact.why } };
  }
  return kept;
}
