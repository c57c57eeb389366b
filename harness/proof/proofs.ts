import { z } from 'zod';
import { captureCpus, captureInits, captureInterrupts, clockevent, clocksource } from './capture-kernel.js';
import { captureHardware } from './capture-hardware.js';
import { cpuFlag } from './cpu-flag.js';
import { output, read } from './guest-fact.js';
import { inService, lapic } from './lapic.js';
import { lock } from './lock.js';
import { panic } from './panic.js';
import { pin } from './pin.js';
import type { Judged, OpenQuestion, Proof } from './proof.js';
import { rise } from './rise.js';
import { inFunction, interruptFlag, stackHas } from './stopped-vcpu.js';
import { variable } from './variable.js';
import type { CaptureWitness, ConsoleWitness, GuestWitness, StoppedWitness } from './witness.js';

/** All proofs. The forms that files may use, and the time at which each is asked, follow from this list. */
export const PROOFS = [
  read,
  output,
  rise,
  panic,
  lock,
  inFunction,
  interruptFlag,
  inService,
  pin,
  lapic,
  cpuFlag,
  stackHas,
  variable,
  clocksource,
  clockevent,
  captureInterrupts,
  captureCpus,
  captureInits,
  captureHardware,
] as const satisfies readonly Proof[];

const AT_MACHINE = PROOFS.filter((proof) => 'machine' in proof).map(({ machine }) => machine);
const BEFORE_FIRING = PROOFS.filter((proof) => 'beforeFiring' in proof).map(
  ({ beforeFiring }) => beforeFiring,
);
const IN_CHOREOGRAPHY = PROOFS.filter((proof) => 'choreography' in proof).map(
  ({ choreography }) => choreography,
);
const FROM_REPORT = PROOFS.filter((proof) => 'report' in proof).map(({ report }) => report);
const OF_CAPTURE = PROOFS.filter((proof) => 'capture' in proof).map(({ capture }) => capture);

/** A claim of a machine profile, which the guest must confirm. */
export const MachineClaimSchema = z.union(AT_MACHINE.map(({ schema }) => schema));
export type MachineClaim = z.infer<typeof MachineClaimSchema>;

/** One statement about the guest that must be shown true, or the run is void. */
export const ScenarioProofSchema = z.union([
  ...BEFORE_FIRING.map(({ schema }) => schema),
  ...FROM_REPORT.map(({ schema }) => schema),
]);
export type ScenarioProof = z.infer<typeof ScenarioProofSchema>;

/** One statement about the stopped guest, in a choreography. */
export const StateProofSchema = z.union(IN_CHOREOGRAPHY.map(({ schema }) => schema));
export type StateProof = z.infer<typeof StateProofSchema>;

/**
 * One statement about the capture kernel, judged from its own report. A capture kernel that reports otherwise makes the
 * run void; one that never reports has its own verdict (docs/verdicts.md).
 */
export const CaptureProofSchema = z.union(OF_CAPTURE.map(({ schema }) => schema));
export type CaptureProof = z.infer<typeof CaptureProofSchema>;

/** Takes each judgement as it is made; it may throw, which ends the asking. */
export type TakeJudgement = (judged: Judged) => void;

/** Asks for the claims of a machine profile, in its order. */
export async function proveMachine(
  claims: readonly MachineClaim[],
  witness: GuestWitness,
  take: TakeJudgement,
): Promise<void> {
  for (const claim of claims) take(await required(claim, ask(AT_MACHINE, claim, witness)));
}

/**
 * Asks for a scenario's proofs before firing, in its order. Returns the proofs that need a second reading after the
 * watch; proofs from the console's report are not asked.
 */
export async function proveBeforeFiring(
  proofs: readonly ScenarioProof[],
  witness: GuestWitness,
  take: TakeJudgement,
): Promise<OpenQuestion[]> {
  const open: OpenQuestion[] = [];
  for (const proof of proofs) {
    const answer = await ask(BEFORE_FIRING, proof, witness);
    if (answer === undefined) continue;
    if ('lookAgain' in answer) open.push(answer);
    else take(answer);
  }
  return open;
}

/** Asks for the proof of a choreography's step. */
export async function proveState(proof: StateProof, witness: StoppedWitness): Promise<Judged> {
  return required(proof, await ask(IN_CHOREOGRAPHY, proof, witness));
}

/** Judges the proofs from the console's report; proofs that were asked earlier are left out. */
export function proveFromReport(proofs: readonly ScenarioProof[], events: ConsoleWitness): Judged[] {
  return proofs.flatMap((proof) => ask(FROM_REPORT, proof, events) ?? []);
}

/** Judges the proofs about the capture kernel, in their order. */
export function proveCapture(proofs: readonly CaptureProof[], report: CaptureWitness): Judged[] {
  return proofs.map((proof) => required(proof, ask(OF_CAPTURE, proof, report)));
}

/** A proof's statement in words, for pages that describe scenarios. Undefined for one without words beforehand. */
export function statementOf(proof: ScenarioProof | StateProof): string | undefined {
  const askings = [...BEFORE_FIRING, ...IN_CHOREOGRAPHY];
  return askings.map(({ what }) => what(proof)).find((what) => what !== undefined);
}

function ask<Witness, Result>(
  askings: readonly { readonly put: (asked: unknown, witness: Witness) => Result | undefined }[],
  asked: unknown,
  witness: Witness,
): Result | undefined {
  for (const { put } of askings) {
    const result = put(asked, witness);
    if (result !== undefined) return result;
  }
  return undefined;
}

function required<Result>(asked: unknown, result: Result | undefined): Result {
  if (result !== undefined) return result;
  throw new Error(`no proof has the form ${JSON.stringify(asked)}: the file should have been refused`);
}
