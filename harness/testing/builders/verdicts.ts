/** For tests of verdicts: made runs up to a rung, and their verdicts. */
import type { HostFact } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { verdictOf } from '../recordings/fixtures.js';
import { armedReport, CRASH_CR3, firedRun, MadeRun, madePlan, PARKED, vmcoreFrame } from './runs.js';

/** A plan with an armed crash kernel, and one without. */
export const PLAN = madePlan();
export const ABSENT = madePlan({
  scenario: { crashKernel: 'absent', expect: { verdict: 'no-crash-kernel' } },
});
/** A deadline that passed. */
export const DEADLINE: HostFact = { fact: 'deadline', what: 'the wait', limitMs: 5 };

/** The verdict on a finished run: `word/detail`, and the reasons of degradation. */
export function verdict(run: MadeRun, plan: RunPlan = PLAN): string {
  const judged = verdictOf(run.end().records, plan);
  const degraded = judged.word === 'captured' ? judged.degradedBy : [];
  return [`${judged.word}/${judged.detail}`, ...degraded].join(' ');
}

/** A fired run whose guest did something between its arming and firing. */
export const firedAfter = (prepared: (run: MadeRun) => MadeRun) =>
  prepared(new MadeRun().boot().arm()).fire();

/** A run up to the capture kernel's banner, up to its userspace, and up to the proof. */
export const atCapture = () => firedRun().panic().captureBanner();
export const inUserspace = () => atCapture().captureHello();
export const captured = () => inUserspace().control(vmcoreFrame());
/** A run that is sampled once after its panic, with one vCPU at `rip`. */
export const sampled = (rip: bigint, cr3 = CRASH_CR3) => firedRun().panic().sample([{ rip, cr3 }, PARKED]);
/** A vCPU that stays at one instruction for a minute. */
export const stuckAt = (rip: bigint, cr3 = CRASH_CR3) => {
  const run = firedRun().panic();
  for (let i = 0; i < 400; i++) run.later(140).sample([{ rip, cr3 }, PARKED]);
  return run;
};

/** A fired run whose crash kernel was loaded by kexec_file_load, which tells no segments; one vCPU is at `rip`. */
export const sampledBlind = (rip: bigint) =>
  new MadeRun()
    .boot()
    .arm(armedReport({ segments: false }))
    .fire()
    .panic()
    .sample([{ rip, cr3: CRASH_CR3 }, PARKED]);

/** An examination that proves that the guest of {@link stuckAt} hangs. */
export const PROVED = {
  fact: 'examination',
  finding: 'hung',
  shape: 'spin',
  why: 'vCPU 0 repeats the same instructions for ever with interrupts off',
  vcpus: [
    { vcpu: 0, state: 'running', place: 'first-kernel', rip: '1000', saw: ['1000: jmp 0x1000'] },
    { vcpu: 1, state: 'parked', place: 'first-kernel', rip: '2000', saw: [] },
  ],
  tookMs: 300,
} satisfies HostFact;

/** An examination that shows that it waits. */
export const WAITING: HostFact = {
  fact: 'examination',
  finding: 'waiting',
  why: 'vCPU 0: it reads the time (rdtsc)',
  vcpus: [],
  tookMs: 100,
};
