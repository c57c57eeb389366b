import type { EventOf, HangShape } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { Check, EventCheck, EventFacts, Finding } from './facts.js';
import { lockWaiters } from './lock-waiters.js';
import { firstFinding, stacksIn } from './stacks.js';
import { type FactEvent, factsOf, first, firstFact } from './phases.js';
import { flooded } from './unfinished-check.js';

const MOST_LOCK_BYTES = 300;

/**
 * With nothing loaded, a panic properly ends in its end mark, a reboot, or vCPUs that stay halted; but not in the wait for
 * a lock, which under KVM halts as well.
 */
export const noCrashKernelCheck: EventCheck = ({ events, loaded, panic, captureEntered }) => {
  if (panic === undefined || loaded !== false || captureEntered !== undefined) return undefined;
  if (answerOf(events, { panicked: true }) !== undefined) return undefined;
  const end =
    first(events, 'panic-ended') ??
    first(events, 'reboot-announced') ??
    first(events, 'reboot-command-line') ??
    first(events, 'shutdown') ??
    first(events, 'hang', (event) => event.shape === 'all-vcpus-halted' && lockWaiters(events).length === 0);
  if (end === undefined) return undefined;
  return {
    word: 'no-crash-kernel',
    detail: end.type,
    explanation: 'the guest panicked with no crash kernel loaded',
    evidence: [panic, end],
  };
};

/** The guest is alive: it answered after the watch, or to a question that was asked after the line of a panic. */
export const noPanicCheck: Check = ({ events, panic, captureEntered }) => {
  if (captureEntered !== undefined) return undefined;
  const answer = answerOf(events, { panicked: panic !== undefined });
  if (answer === undefined) return undefined;
  return {
    word: 'no-panic',
    detail: 'still-answers',
    explanation:
      panic === undefined
        ? 'the guest did not panic and still answers'
        : "the guest printed a panic's first line and lives on: it still answers",
    evidence: [panic, answer],
  };
};

/** The guest's answer; after a panic, one to a question that was asked after it. */
function answerOf(
  events: EventFacts['events'],
  { panicked }: { readonly panicked: boolean },
): FactEvent<'watch-ended'> | undefined {
  return factsOf(events, 'watch-ended').find(
    ({ fact }) => fact.answered && (!panicked || fact.afterPanic === true),
  );
}

/**
 * QEMU gave the guest up, as KVM does with an instruction that it cannot emulate. Where the guest executes what no memory
 * is behind, that is its own end: hardware reads nothing sensible there either. Elsewhere it may be KVM's limitation.
 */
export const givenUpCheck: Check = (facts) => {
  const given = firstFact(facts.events, 'given-up');
  if (given === undefined || facts.verified !== undefined) return undefined;
  const { whose, why, state } = given.fact;
  if (whose === 'guest' && facts.fired !== undefined) return stuck(facts, 'no-memory-at-rip', why, given);
  return {
    word: 'cannot-tell',
    detail: 'given-up',
    explanation: `QEMU gave the guest up (${state}), and whether the guest or KVM is at fault is not shown: ${escapeGuestText(why)}; run it under TCG`,
    evidence: [facts.panic, facts.furthest, given],
  };
};

/** A proved hang or a deadline: the place decides to which part of the crash path it belongs. */
export const stuckCheck: Check = (facts) => {
  const { events } = facts;
  const hang = first(events, 'hang');
  const flood = firstFact(events, 'channel-limit');
  const ended = first(events, 'panic-ended', (event) => event.side === 'production');
  const deadline = firstFact(events, 'deadline');
  const watch = firstFact(events, 'watch-ended');
  const found = foundText(events);
  if (hang !== undefined) {
    const proof = factsOf(events, 'examination').find(({ fact }) => fact.finding === 'hung');
    const how =
      proof === undefined
        ? `${describeShape(hang.shape)} for ${Math.round(hang.forMs)} ms`
        : `${proof.fact.why}${found === '' ? lockOf(proof) : ''}`;
    return stuck(facts, hang.shape, `${how}${found}${lockText(events)}`, hang, proof);
  }
  if (flood !== undefined) {
    return flooded(flood, [facts.panic, facts.furthest]);
  }
  if (ended !== undefined) return neverJumped(facts, ended);
  if (deadline !== undefined) {
    return stuck(
      facts,
      'deadline',
      `${deadline.fact.what} did not end within ${deadline.fact.limitMs} ms; that it cannot end is not proved${found}`,
      deadline,
    );
  }
  if (watch !== undefined) {
    return stuck(facts, 'silent', 'it printed no panic and does not answer', watch);
  }
  return undefined;
};

/** `; vCPU 1 spins on ioapic_lock, held by vCPU 0, ...`: what the autopsy found first. */
function foundText(events: EventFacts['events']): string {
  const found = firstFinding(events);
  return found === undefined ? '' : `; ${escapeGuestText(found, MOST_LOCK_BYTES)}`;
}

/** panic() came to its end, behind the call that starts the crash kernel: it loops there for ever (kernel/panic.c, v6.1). */
export function neverJumped(facts: EventFacts, ended: EventOf<'panic-ended'>): Finding {
  return stuck(facts, 'kexec-never-jumped', 'panic() reached its end with a crash kernel loaded', ended);
}

/** The lock that a vCPU waits for, and the CPU that may hold it, as autopsy/describe-vcpu.ts words them. */
function lockOf({ fact }: FactEvent<'examination'>): string {
  for (const { vcpu, saw } of fact.vcpus) {
    const at = saw.findIndex((text) => text.startsWith('it waits for '));
    const [waits, holder] = saw.slice(at, at + 2);
    if (at < 0 || waits === undefined) continue;
    const held = holder !== undefined && /lock$|holds? it: /.test(holder) ? `; ${holder}` : '';
    return escapeGuestText(`; vCPU ${vcpu} ${waits.slice('it '.length)}${held}`, MOST_LOCK_BYTES);
  }
  return '';
}

/** `; vCPU 1 waits for a lock, and every vCPU that could release it is halted`. */
function lockText(events: EventFacts['events']): string {
  const waiters = lockWaiters(events);
  if (waiters.length === 0) return '';
  const who = `vCPU ${waiters.join(', ')} ${waiters.length === 1 ? 'waits' : 'wait'}`;
  return `; ${who} for a paravirtual lock, in hlt, and no vCPU is left to release it`;
}

function describeShape(shape: HangShape): string {
  switch (shape) {
    case 'spin':
      return 'one vCPU spins with interrupts off, the others are parked';
    case 'all-vcpus-halted':
      return 'every vCPU is halted with interrupts off';
    case 'idle-forever':
      return 'it sleeps with interrupts on at one instruction, silent, and nothing wakes it';
  }
}

function stuck(facts: EventFacts, detail: string, how: string, ...events: Finding['evidence']): Finding {
  const { captureEntered, captureUserspace, furthest, panic } = facts;
  // The stacks of a hung guest show where and why.
  const evidence = [panic, furthest, ...events, ...stacksIn(facts.events).evidence];
  if (captureEntered !== undefined) {
    const where = captureUserspace !== undefined ? "the capture kernel's userspace" : 'the capture kernel';
    return { word: 'capture-hang', detail, explanation: `${where} is stuck: ${how}`, evidence };
  }
  if (furthest?.place === 'purgatory') {
    return { word: 'purgatory-hang', detail, explanation: `purgatory is stuck: ${how}`, evidence };
  }
  // Purgatory's own loop, on a digest that differs, is silent as well (arch/x86/purgatory/purgatory.c, v6.1).
  const where =
    furthest?.place === 'after-jump'
      ? 'the crash path is stuck after the jump, in relocate_kernel, purgatory or the decompressor (in which of them is not known: kexec_file_load does not tell where they lie)'
      : 'the crash path is stuck';
  return { word: 'crash-path-hang', detail, explanation: `${where}: ${how}`, evidence };
}
