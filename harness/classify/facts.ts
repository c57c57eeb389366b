import type { EventOf, RunEvent } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { VerdictWord } from '../model/verdict.js';
import { first, firstFact } from './phases.js';

/** What the events alone show: the input of the checks that a plain log can be asked as well as a run. */
export interface EventFacts {
  readonly events: readonly RunEvent[];
  /** Whether a crash kernel was loaded at the crash; undefined: not known. A run knows it. */
  readonly loaded: boolean | undefined;
  readonly fired: RunEvent | undefined;
  /** The first panic of the first kernel. */
  readonly panic: EventOf<'panic'> | undefined;
  /** Furthest place on the crash path, from the jump to the capture kernel, in any sample. */
  readonly furthest: EventOf<'jumped'> | undefined;
  /** First sign that the capture kernel was entered, by console, control channel or sample. */
  readonly captureEntered: RunEvent | undefined;
  readonly captureUserspace: EventOf<'capture-hello'> | undefined;
}

/** The input of every check of a run: the plan, the events, and values derived from them that many checks need. */
export interface Facts extends EventFacts {
  readonly plan: RunPlan;
  readonly hello: EventOf<'hello'> | undefined;
  readonly armed: EventOf<'armed'> | undefined;
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

/** One question that needs no plan and no host. */
export type EventCheck = (facts: EventFacts) => Finding | undefined;

/** Reads the facts once for all checks. */
export function readFacts(events: readonly RunEvent[], plan: RunPlan): Facts {
  const armed = armedIn(events);
  return {
    ...readEventFacts(events, { loaded: armed?.armed.loaded === true }),
    plan,
    hello: first(events, 'hello'),
    armed,
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

/** The last report of what is loaded, before firing: a clone reports again, and a frame behind that is no report. */
function armedIn(events: readonly RunEvent[]): EventOf<'armed'> | undefined {
  const fired = firingIn(events);
  const until = fired === undefined ? events.length : events.indexOf(fired);
  return events.slice(0, until).findLast((event) => event.type === 'armed');
}

function firingIn(events: readonly RunEvent[]): RunEvent | undefined {
  return first(events, 'firing') ?? firstFact(events, 'fired');
}

/** Reads what the events alone show; the caller knows whether a crash kernel was loaded. */
export function readEventFacts(
  events: readonly RunEvent[],
  { loaded }: Pick<EventFacts, 'loaded'>,
): EventFacts {
  const captureUserspace = first(events, 'capture-hello');
  const arrived = first(
    events,
    'jumped',
    (event) => event.place === 'capture-start' || event.place === 'capture-kernel',
  );
  return {
    events,
    loaded,
    fired: firingIn(events),
    panic: first(events, 'panic', (event) => event.side === 'production'),
    furthest: events.filter((event) => event.type === 'jumped').at(-1),
    captureEntered: first(events, 'capture-command-line') ?? arrived ?? captureUserspace,
    captureUserspace,
  };
}
