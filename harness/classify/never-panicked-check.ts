import type { Check, Facts, Finding } from './facts.js';
import { factsOf, first, firstFact, isCrashKernel, suspensionIn } from './phases.js';
import { stacksIn } from './stacks.js';

/** The value of `panic_cpu` while no CPU is in panic() (include/linux/panic.h, PANIC_CPU_INVALID, v6.1). */
const NO_CPU = -1;

/**
 * What reboot(2), sysrq-b and drivers end in: arch/x86/kernel/reboot.c (v6.1). `reboot=t` makes a triple fault of it.
 */
const RESTARTS = /^(?:native_)?machine_(?:emergency_|real_)?restart$/;
/** And reboot(2) with LINUX_REBOOT_CMD_HALT: kernel/reboot.c, kernel_halt(); arch/x86/kernel/reboot.c (v6.1). */
const HALTS = /^(?:native_machine|machine|kernel)_halt$/;

/**
 * The guest did not panic: no CPU has entered panic(), and it lives, or came to an end that it requested itself. A panic
 * that its console tells of is a quotation then: panic() names its CPU before it prints, and does not return.
 */
export const neverPanickedCheck: Check = (facts) => {
  const { events, fired, panic, furthest, captureUserspace } = facts;
  if (fired === undefined) return undefined;
  if (captureUserspace !== undefined) return otherKernel(facts);
  if (furthest !== undefined) return undefined;
  const proof = firstFact(events, 'panic-cpu');
  if (proof?.fact.cpu !== NO_CPU) return undefined;
  const end = endOf(facts);
  if (end === undefined) return undefined;
  return {
    word: 'no-panic',
    detail: end.detail,
    explanation: `the guest did not panic: no CPU is in panic() (panic_cpu = -1)${panic === undefined ? '' : ', although its console tells of a panic'}; ${end.explanation}`,
    evidence: [panic, ...end.evidence, proof, ...factsOf(events, 'last-place'), ...stacksIn(events).evidence],
  };
};

/** How a guest ended in which no CPU is in panic(); undefined when it may have failed. */
function endOf(facts: Facts): Pick<Finding, 'detail' | 'explanation' | 'evidence'> | undefined {
  const { events } = facts;
  const shutdown = first(events, 'shutdown');
  const hang = first(events, 'hang');
  const asleep = suspensionIn(events);
  if (asleep !== undefined) {
    return {
      detail: 'suspended',
      explanation: 'it suspended the machine to memory, and nothing wakes it',
      evidence: [asleep],
    };
  }
  if (shutdown?.reason === 'guest-shutdown') {
    return { detail: 'powered-off', explanation: 'it powered the machine off', evidence: [shutdown] };
  }
  if (shutdown !== undefined) {
    const evidence = [shutdown, firstFact(events, 'reset-cause')];
    return isRequested(facts)
      ? { detail: 'rebooted', explanation: 'it requested the reset itself', evidence }
      : undefined;
  }
  if (hang !== undefined) {
    return hang.shape === 'all-vcpus-halted' && standsIn(events, HALTS)
      ? { detail: 'halted', explanation: 'it halted the machine itself, as on request', evidence: [hang] }
      : undefined;
  }
  if (!takesInterrupts(facts)) return undefined;
  return {
    detail: 'never-panicked',
    explanation: 'its init does not answer',
    evidence: [firstFact(events, 'watch-ended')],
  };
}

/** Whether the guest requested the reset: a vCPU is in the code for that, or it was no triple fault. */
function isRequested({ events, plan }: Facts): boolean {
  const cause = firstFact(events, 'reset-cause')?.fact.cause;
  // Under KVM QEMU's log does not tell a triple fault from a request.
  return (cause === 'other-reset' && plan.accel.accel === 'tcg') || standsIn(events, RESTARTS);
}

/** Whether the stack of a vCPU at the end shows one of these functions. */
function standsIn(events: Facts['events'], functions: RegExp): boolean {
  return factsOf(events, 'stack').some(({ fact }) => fact.functions.some((name) => functions.test(name)));
}

/**
 * The guest started another kernel with `kexec -e`: it has no elfcorehdr=, which every crash kernel has, and nothing
 * panicked. Its page tables may lie where the crash kernel's memory was.
 */
function otherKernel({ events, panic, captureUserspace, hello, verified }: Facts): Finding | undefined {
  if (captureUserspace === undefined || panic !== undefined || verified !== undefined) return undefined;
  if (isCrashKernel(captureUserspace)) return undefined;
  return {
    word: 'no-panic',
    detail: 'rebooted',
    explanation:
      'the guest did not panic: it started another kernel, as kexec -e does, which is no crash kernel (its command line has no elfcorehdr=)',
    evidence: [hello, first(events, 'vmcore-missing'), captureUserspace],
  };
}

/** No vCPU stood still with interrupts off before the end; without that observation, none does at the end. */
function takesInterrupts({ events }: Facts): boolean {
  const progress = events.findLast((event) => event.type === 'progress');
  if (progress !== undefined) return progress.progress.stuckVcpus.length === 0;
  const places = factsOf(events, 'last-place');
  return places.length > 0 && places.every(({ fact }) => fact.interruptsOn || fact.place === 'firmware');
}
