import type { RunEvent } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import type { Scenario } from '../plan/scenario.js';
import { judgeCrashPoint } from '../proof/crash-point.js';
import { proveFromReport, type ScenarioProof } from '../proof/proofs.js';
import { first, firstFact } from './phases.js';

/**
 * The proofs from the guest's console, after the run: that the requested panic happened in the requested context, and
 * that lkdtm's crash point was hit. None when nothing was fired. A guest that is alive has no panic to prove: it has
 * its own verdict.
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
