import { firstFact, lastMs } from './phases.js';
import type { RunEvent } from '../model/event.js';
import { type Cell, explainVoid } from '../model/cell.js';
import { expectationText, judge } from '../model/expectation.js';
import type { RunResult } from '../model/result.js';
import { STORE_SCHEMA } from '../model/record.js';
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
  const cloned = firstFact(events, 'cloned');
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
    ...(plan.host === undefined ? {} : { host: plan.host }),
    ...(plan.machine.name === undefined ? {} : { machine: plan.machine.name }),
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
    ...(cloned === undefined
      ? {}
      : { clone: { template: cloned.fact.template, tookMs: cloned.fact.tookMs } }),
    durationMs: Math.round(lastMs(events) - (cloned?.fact.tookMs ?? 0)),
    directory,
  };
}

function placeOf({ kernel, machine }: Cell): NonNullable<RunResult['cell']> {
  return { kernel, ...(machine === undefined ? {} : { machine }) };
}
