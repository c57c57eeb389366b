import type { EventOf, RunEvent } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { VerdictWord } from '../model/verdict.js';
import { first, firstFact } from './phases.js';

/** The input of every check: the plan, the events, and values derived from them that many checks need. */
export interface Facts {
  readonly plan: RunPlan;
  readonly events: readonly RunEvent[];
  readonly hello: EventOf<'hello'> | undefined;
  readonly armed: EventOf<'armed'> | undefined;
  readonly fired: RunEvent | undefined;
  /** The first panic of the first kernel. */
  readonly panic: EventOf<'panic'> | undefined;
  /** Furthest place on the crash path, from the jump to the capture kernel, in any sample. */
  readonly furthest: EventOf<'jumped'> | undefined;
  /** First sign that the capture kernel was entered, by console, control channel or sample. */
  readonly captureEntered: RunEvent | undefined;
  readonly captureUserspace: EventOf<'capture-hello'> | undefined;
  /** The vmcore frame that carries this run's nonce. */
  readonly verified: EventOf<'vmcore'> | undefined;
}

/** A check's conclusion; the classifier adds phases and turns events into evidence. */
export interface Finding {
  readonly word: VerdictWord;
  readonly detail: string;
  readonly explanation: string;
  readonly evidence: readonly (RunEvent | undefined)[];
  readonly degradedBy?: readonly string[];
  readonly undecided?: readonly string[];
}

/** One question about the recording; undefined when it does not apply. */
export type Check = (facts: Facts) => Finding | undefined;

/** Reads the facts once for all checks. */
export function readFacts(events: readonly RunEvent[], plan: RunPlan): Facts {
  const captureUserspace = first(events, 'capture-hello');
  const arrived = first(
    events,
    'jumped',
    (event) => event.place === 'capture-start' || event.place === 'capture-kernel',
  );
  return {
    plan,
    events,
    hello: first(events, 'hello'),
    armed: events.findLast((event) => event.type === 'armed'),
    fired: first(events, 'firing') ?? firstFact(events, 'fired'),
    panic: first(events, 'panic', (event) => event.side === 'production'),
    furthest: events.filter((event) => event.type === 'jumped').at(-1),
    captureEntered: first(events, 'capture-command-line') ?? arrived ?? captureUserspace,
    captureUserspace,
    verified: first(
      events,
      'vmcore',
      ({ vmcore }) =>
        vmcore.nodename === plan.nonce &&
        vmcore.hasVmcoreinfo &&
        vmcore.prstatusNotes > 0 &&
        vmcore.crashedRelease === plan.kernel.release,
    ),
  };
}
