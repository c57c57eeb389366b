import type { Check, Facts } from './facts.js';
import { factsOf, first, firstFact } from './phases.js';

/** The value of `panic_cpu` while no CPU is in panic() (include/linux/panic.h, PANIC_CPU_INVALID, v6.1). */
const NO_CPU = -1;

/**
 * The guest does not answer, and yet it did not panic: no CPU has entered panic(), and its vCPUs take interrupts. Its
 * init was killed, is blocked, or gets no time. A panic that its console tells of is a quotation then: panic() names its
 * CPU before it prints, and does not return.
 */
export const neverPanickedCheck: Check = (facts) => {
  const { events, fired, panic, furthest, captureUserspace } = facts;
  const proof = firstFact(events, 'panic-cpu');
  if (fired === undefined || proof?.fact.cpu !== NO_CPU) return undefined;
  if (furthest !== undefined || captureUserspace !== undefined) return undefined;
  if (first(events, 'hang') !== undefined || !takesInterrupts(facts)) return undefined;
  return {
    word: 'no-panic',
    detail: 'never-panicked',
    explanation: `the guest did not panic: no CPU is in panic() (panic_cpu = -1)${panic === undefined ? '' : ', although its console tells of a panic'}; its init does not answer`,
    evidence: [panic, firstFact(events, 'watch-ended'), proof, ...factsOf(events, 'last-place')],
  };
};

/** No vCPU stood still with interrupts off before the end; without that observation, none does at the end. */
function takesInterrupts({ events }: Facts): boolean {
  const progress = events.findLast((event) => event.type === 'progress');
  if (progress !== undefined) return progress.progress.stuckVcpus.length === 0;
  const places = factsOf(events, 'last-place');
  return places.length > 0 && places.every(({ fact }) => fact.interruptsOn || fact.place === 'firmware');
}
