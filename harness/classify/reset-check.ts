import type { RunEvent } from '../model/event.js';
import type { EventCheck, EventFacts } from './facts.js';
import { reportMayBeLost } from './host-busy.js';
import { factsOf, first, firstFact } from './phases.js';

/** The machine reset (triple fault, keyboard controller, reboot) or powered off before the capture. */
export const resetCheck: EventCheck = (facts) => {
  const { events, captureEntered, captureUserspace, panic } = facts;
  const reset = first(events, 'reboot-command-line') ?? first(events, 'shutdown');
  if (reset === undefined) return undefined;
  const powerOff = reset.type === 'shutdown' && reset.reason === 'guest-shutdown';
  const evidence = [panic, facts.furthest, reset, firstFact(events, 'reset-cause')];
  const cause = powerOff ? '' : causeText(facts);
  if (captureUserspace !== undefined) {
    const held = powerOff ? reportMayBeLost(facts) : undefined;
    if (held !== undefined) {
      return {
        word: 'cannot-tell',
        detail: 'host-starved',
        explanation:
          "the capture kernel powered off without a proof, and crashpath itself did not run in its time: the guest's report may be lost; run it again",
        evidence: [captureUserspace, held, reset],
      };
    }
    return {
      word: powerOff ? 'capture-no-vmcore' : 'capture-reset',
      detail: powerOff ? 'powered-off-unproved' : 'reset-in-userspace',
      explanation: `the capture kernel's userspace ${powerOff ? 'powered off' : 'was reset'} without a proof${cause}`,
      evidence: [captureUserspace, ...evidence],
    };
  }
  if (captureEntered !== undefined) {
    const banner = first(events, 'capture-command-line');
    const what = powerOff
      ? 'the capture kernel powered the machine off'
      : 'the machine reset in the capture kernel';
    return {
      word: 'capture-reset',
      detail: banner === undefined ? 'reset-before-banner' : 'reset-in-capture-boot',
      explanation: `${what}, ${banner === undefined ? 'before' : 'after'} its banner${cause}`,
      evidence: [...evidence, captureEntered],
    };
  }
  if (panic === undefined && powerOff) {
    return {
      word: 'no-panic',
      detail: 'powered-off',
      explanation: 'the guest powered off instead of panicking',
      evidence,
    };
  }
  if (panic === undefined && facts.furthest === undefined) {
    return {
      word: 'crash-path-reset',
      detail: 'reset-without-panic',
      explanation: `the machine reset after firing without a panic message${cause || ' (a reboot or a triple fault)'}`,
      evidence,
    };
  }
  const place = facts.furthest?.place;
  const where = place === undefined ? 'before-jump' : place === 'after-jump' ? place : `in-${place}`;
  const open =
    place === 'after-jump'
      ? '; whether the capture kernel was entered is not known, because kexec_file_load does not tell where it lies'
      : '';
  return {
    word: 'crash-path-reset',
    detail: `reset-${where}`,
    explanation: powerOff
      ? 'the machine was powered off between the panic and the capture kernel'
      : `the machine reset between the panic and the capture kernel${cause || ' (a triple fault looks like this)'}${open}`,
    evidence,
  };
};

/** Why the machine reset, as far as it is recorded: `: a triple fault of vCPU 2, ...`. Empty in older recordings. */
function causeText({ events, furthest }: EventFacts): string {
  const recorded = firstFact(events, 'reset-cause')?.fact;
  if (recorded === undefined) return '';
  const unstarted = recorded.cause === 'triple-fault' && furthest === undefined ? neverStarted(events) : [];
  const firmware =
    unstarted.length === 0
      ? ''
      : `; vCPU ${unstarted.join(', ')} ${unstarted.length === 1 ? 'was' : 'were'} never started by the kernel: an NMI to all CPUs meets the firmware's empty IDT there`;
  return `: ${recorded.saw}${firmware}`;
}

/** vCPUs that stand in firmware before any jump: a vCPU that the kernel has started is never there again. */
function neverStarted(events: readonly RunEvent[]): number[] {
  return factsOf(events, 'last-place')
    .filter(({ fact }) => fact.place === 'firmware')
    .map(({ fact }) => fact.vcpu);
}
