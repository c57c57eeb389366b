import type { RunEvent } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import type { Proof, Scenario } from '../plan/scenario.js';
import { first, firstFact } from './phases.js';

type ProofFact = Extract<HostFact, { fact: 'proof' }>;

/** The compiler puts what hardly ever runs, such as a call of panic(), into a part of its own (gcc: `f.cold`). */
const COLD_PART = /\.cold(\.\d+)?$/;

/** How many frames of a report a proof repeats. */
const MOST_FRAMES = 24;

/**
 * The proofs that only the guest's console can give, after the fact: that the panic was the one asked for, in the
 * context asked for, and that lkdtm's crash point was the one that was hit. Nothing when nothing was fired. A guest
 * that lives has no panic to prove: it is judged as that.
 */
export function reportProofs(scenario: Scenario, events: readonly RunEvent[]): ProofFact[] {
  const fired = first(events, 'firing') ?? firstFact(events, 'fired');
  if (fired === undefined) return [];
  const lives = firstFact(events, 'watch-ended')?.fact.answered === true;
  const { trigger } = scenario;
  return [
    ...(trigger.kind === 'lkdtm' ? [crashPointProof(trigger, events)] : []),
    ...(lives ? [] : scenario.prove.flatMap((proof) => ('panic' in proof ? panicProofs(proof, events) : []))),
  ];
}

function crashPointProof(
  { point, type }: { readonly point: string; readonly type: string },
  events: readonly RunEvent[],
): ProofFact {
  const rounds = events.flatMap((event) =>
    event.type === 'lkdtm-hit' && event.point === point && event.crashType === type ? [event.roundsLeft] : [],
  );
  // The count begins anew at its end, so that another CPU may hit the point again while this one panics.
  const left = rounds.length === 0 ? undefined : Math.min(...rounds);
  return {
    fact: 'proof',
    what: `crash point ${point} of type ${type} was hit to the end of its count`,
    proved: left === 0,
    saw: left === undefined ? 'never hit' : `${rounds.length} times, down to ${left} rounds left`,
  };
}

function panicProofs(
  { panic }: Extract<Proof, { panic: unknown }>,
  events: readonly RunEvent[],
): ProofFact[] {
  const proofs: ProofFact[] = [];
  if (panic.says !== undefined) {
    const { says } = panic;
    const messages = events.flatMap((event) =>
      event.type === 'panic' && event.side === 'production' ? [event.message] : [],
    );
    proofs.push({
      fact: 'proof',
      what: `the panic says "${says}"`,
      proved: messages.some((message) => message.includes(says)),
      saw: messages[0]?.slice(0, 160) ?? 'no panic was reported on the console',
    });
  }
  if (panic.stackHas !== undefined) {
    const wanted = [panic.stackHas].flat();
    const frames = events.flatMap((event) => (event.type === 'report-frame' ? [event.function] : []));
    const more = frames.length > MOST_FRAMES ? ' < ...' : '';
    proofs.push({
      fact: 'proof',
      what: `the panic's stack has ${wanted.join(' or ')}`,
      proved: frames.some((frame) => wanted.includes(frame.replace(COLD_PART, ''))),
      saw:
        frames.length === 0
          ? 'no stack was reported on the console'
          : frames.slice(0, MOST_FRAMES).join(' < ') + more,
    });
  }
  return proofs;
}
