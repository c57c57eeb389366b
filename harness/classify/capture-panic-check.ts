import type { EventOf, RunEvent } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { EventCheck, Finding } from './facts.js';
import { type HostBusy, hostBusyAt } from './host-busy.js';
import { first } from './phases.js';

/** Why capture kernels panic in the field, derived from panic()'s message; each row cites the source that prints it. */
const REASONS: readonly {
  readonly detail: string;
  readonly message: RegExp;
  readonly source: string;
}[] = [
  {
    detail: 'out-of-memory',
    message:
      /^(System is deadlocked on memory|Out of memory(:|$| and no killable processes)|\w+: Failed to allocate \d+ bytes|alloc_low_pages: (?:can not alloc|ran out of) memory)/,
    source:
      'mm/oom_kill.c, out_of_memory(), check_panic_on_oom(); mm/page_ext.c; memblock users, mm/percpu.c; arch/x86/mm/init.c, alloc_low_pages() (v6.1); "and no killable processes" before v5.0',
  },
  {
    detail: 'no-init',
    message: /^(VFS: Unable to mount root fs|No working init found|Requested init \S+ failed)/,
    source: 'init/do_mounts.c, mount_block_root(); init/main.c, kernel_init() (v6.1)',
  },
  {
    detail: 'init-died',
    message: /^Attempted to kill init!/,
    source: 'kernel/exit.c, do_exit() (v6.1)',
  },
  {
    detail: 'timer-check-failed',
    message: /^IO-APIC \+ timer doesn't work!/,
    source: 'arch/x86/kernel/apic/io_apic.c, check_timer() (v6.1)',
  },
  {
    detail: 'too-many-boot-words',
    message: /^Too many boot (init|env) vars at /,
    source: 'init/main.c, start_kernel() (v6.1)',
  },
];

/** Console lines about memory that explain a panic in the capture kernel, when they came before it. */
const MEMORY_SIGNS: ReadonlySet<string> = new Set(['oom-killer', 'oom-kill', 'allocation-failure']);

/** The capture kernel panicked; the detail is the reason, when the message is a known one. */
export const capturePanicCheck: EventCheck = (facts) => {
  const { events } = facts;
  const panic = first(events, 'panic', (event) => event.side === 'capture');
  if (panic === undefined) return undefined;
  const detail = panicReason(panic.message);
  const busy = detail === undefined ? undefined : hostBusyAt(facts, detail, panic);
  if (busy !== undefined) return starvedPanic('the capture kernel', panic, busy);
  return {
    word: 'capture-panic',
    detail: detail ?? 'panic-in-capture',
    explanation: `the capture kernel panicked: ${escapeGuestText(panic.message)}`,
    evidence: [...memorySigns(events, panic), panic],
  };
};

/** A kernel that panicked over a check that the busy host may have failed. */
export function starvedPanic(kernel: string, panic: EventOf<'panic'>, busy: HostBusy): Finding {
  return {
    word: 'cannot-tell',
    detail: 'host-starved',
    explanation: `${kernel} panicked over its timer check (${escapeGuestText(panic.message)}), in which QEMU's threads waited ${Math.round(busy.waitedMs)} ms for a CPU; run again with less beside it`,
    evidence: [panic, ...busy.evidence],
  };
}

/** The detail of a panic whose message is a known one. */
export function panicReason(message: string): string | undefined {
  return REASONS.find((reason) => reason.message.test(message))?.detail;
}

/** The first line of each kind. */
function memorySigns(events: readonly RunEvent[], panic: RunEvent): RunEvent[] {
  const before = events.slice(0, events.indexOf(panic));
  return [...MEMORY_SIGNS].flatMap((name) => {
    const sign = first(before, 'signature', (event) => event.name === name && event.side === 'capture');
    return sign === undefined ? [] : [sign];
  });
}
