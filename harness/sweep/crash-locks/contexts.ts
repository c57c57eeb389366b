import type { Step } from '../../trigger/choreography-steps.js';

/** The context in which the CPU panics. */
export const CONTEXTS = ['task', 'softirq', 'hardirq', 'nmi'] as const;
export type Context = (typeof CONTEXTS)[number];

/** What is said of each: `panic in a task`. */
export const CONTEXT_WORDS: Readonly<Record<Context, string>> = {
  task: 'a task',
  softirq: 'a softirq',
  hardirq: 'a timer interrupt',
  nmi: 'an NMI',
};

/** The context of a sweep that names none. */
export const DEFAULT_CONTEXT: Context = 'hardirq';

/** The most CPUs of a sweep: each is held by two of a script's 64 steps. */
export const MOST_CPUS = 16;

/** The panicking CPU. */
export const CRASHER_CPU = 0;

/** Every CPU takes timer interrupts, an idle one last. Interrupts are off at its entry. */
export const AT_TIMER = 'sysvec_apic_timer_interrupt';

/** What brings the panicking CPU into its context, and from there into panic(). */
export interface Approach {
  /** Written and read back in the guest beforehand. */
  readonly sysctl?: { readonly path: string; readonly value: string };
  /** Shell text that runs in the guest meanwhile. */
  readonly stimulus?: string;
  /** Before the other CPUs are stopped: what the CPU is to reach may depend on them. */
  readonly first?: readonly Step[];
  /** To the place where the CPU can become the owner of a lock. */
  readonly toPlace: readonly Step[];
  /** On to the panic. The last step fires. */
  readonly toPanic: readonly Step[];
  /**
   * From a context with interrupts on: to where panic() has turned them off. The interrupts that were waiting come before
   * that, and the locks of their handlers are none of the crash path. It is here that the CPU becomes a lock's owner then.
   */
  readonly untilOff?: readonly Step[];
}

const TO_TIMER: readonly Step[] = [
  { run: { as: 'crasher', on: CRASHER_CPU, to: AT_TIMER } },
  { prove: { role: 'crasher', interrupts: 'off' } },
];
const DIRECTED: readonly Step[] = [{ fire: { role: 'crasher', aloneMs: 0 } }];

/** It turns interrupts off before it does anything else that matters (kernel/panic.c, v5.10 to v6.12; vpanic() later). */
const PANIC = ['vpanic', 'panic'];
const UNTIL_OFF: readonly Step[] = [
  { run: { as: 'crasher', to: { in: PANIC, instruction: 'cli' }, thenStep: 1 } },
  { prove: { role: 'crasher', in: PANIC } },
  { prove: { role: 'crasher', interrupts: 'off' } },
];

/** A system call without locks that a shell makes again and again. */
const SYSTEM_CALL = '__x64_sys_openat';
/** include/linux/interrupt.h, v6.1. */
const TIMER_SOFTIRQ = 1;
const SOFTIRQ = 'run_timer_softirq';
const NMI_PANIC = 'nmi_panic';

/** How the panicking CPU gets into each context; every approach proves it. */
export const APPROACHES: Readonly<Record<Context, Approach>> = {
  // At the entry of a system call a task runs with interrupts on, and no interrupt handler makes one. The shell begins
  // on any CPU.
  task: {
    stimulus: `taskset ${1 << CRASHER_CPU} sh -c 'while :; do : </dev/null; done'`,
    first: [{ hold: { as: 'crasher', on: CRASHER_CPU, at: SYSTEM_CALL } }],
    toPlace: [
      { prove: { role: 'crasher', in: SYSTEM_CALL } },
      { prove: { role: 'crasher', interrupts: 'on' } },
      { prove: { role: 'crasher', stackHas: 'do_syscall_64' } },
    ],
    toPanic: DIRECTED,
    untilOff: UNTIL_OFF,
  },
  // An idle CPU may have no timer for long: the softirq is marked pending, and runs at the end of the interrupt.
  softirq: {
    toPlace: [
      ...TO_TIMER,
      { call: { role: 'crasher', function: '__raise_softirq_irqoff', args: [TIMER_SOFTIRQ] } },
      { run: { as: 'crasher', to: SOFTIRQ } },
      { prove: { role: 'crasher', in: SOFTIRQ } },
      { prove: { role: 'crasher', interrupts: 'on' } },
      { prove: { role: 'crasher', stackHas: ['__do_softirq', 'handle_softirqs'] } },
    ],
    toPanic: DIRECTED,
    untilOff: UNTIL_OFF,
  },
  hardirq: { toPlace: TO_TIMER, toPanic: DIRECTED },
  // A lock is taken before the NMI comes: its owner is the code that the NMI interrupts, as it is in reality. Nothing is
  // called in NMI context.
  nmi: {
    sysctl: { path: '/proc/sys/kernel/unknown_nmi_panic', value: '1' },
    toPlace: TO_TIMER,
    toPanic: [
      { interrupt: { role: 'crasher', nmi: true } },
      { run: { as: 'crasher', to: NMI_PANIC } },
      { prove: { role: 'crasher', in: NMI_PANIC } },
      { prove: { role: 'crasher', interrupts: 'off' } },
      { prove: { role: 'crasher', stackHas: 'exc_nmi' } },
      { fire: { role: 'crasher', aloneMs: 0, itself: true } },
    ],
  },
};
