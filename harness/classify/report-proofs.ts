import type { RunEvent } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import type { Scenario } from '../plan/scenario.js';
import { judgeCrashPoint } from '../proof/crash-point.js';
import { proveFromReport, type ScenarioProof } from '../proof/proofs.js';
import { first, firstFact } from './phases.js';

/**
 * The proofs that only the guest's console can give, after the fact: that the panic was the one asked for, in the
 * context asked for, and that lkdtm's crash point was the one that was hit. Nothing when nothing was fired. A guest
 * that lives has no panic to prove: it is judged as that.
 */
export function reportProofs(
  { trigger, prove }: { readonly trigger: Scenario['trigger']; readonly prove: readonly ScenarioProof[] },
  events: readonly RunEvent[],
): Extract<HostFact, { fact: 'proof' }>[] {
  const fired = first(events, 'firing') ?? firstFact(events, 'fired');
  if (fired === undefined) return [];
  const lives = firstFact(events, 'watch-ended')?.fact.answered === true;
  const judged = [
    ...(trigger.kind === 'lkdtm' ? [judgeCrashPoint(trigger, events)] : []),
    ...(lives ? [] : proveFromReport(prove, events)),
  ];
  return judged.map((one) => ({ fact: 'proof', ...one }));
}
