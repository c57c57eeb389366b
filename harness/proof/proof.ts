import type { z } from 'zod';
import type {
  CaptureWitness,
  ConsoleWitness,
  GuestWitness,
  MachineWitness,
  StoppedWitness,
} from './witness.js';

/** A judged statement. `what` and `saw` are for people, one line each. */
export interface Judged {
  readonly what: string;
  readonly proved: boolean;
  readonly saw: string;
}

/** A proof that is judged by a second reading, after the watch. */
export interface OpenQuestion {
  lookAgain(): Promise<Judged>;
}

/** A proof at one of its times: the schema of its form in files, and the function that asks. */
export interface Asking<Schema extends z.ZodType, Witness, Result> {
  readonly schema: Schema;
  /** Undefined when `asked` has the form of another proof. */
  readonly put: (asked: unknown, witness: Witness) => Result | undefined;
  /** The statement in words; undefined as well when it has none beforehand. */
  readonly what: (asked: unknown) => string | undefined;
}

/** A kind of proof. Each key but `name` is a time at which it can be asked. */
export interface Proof {
  readonly name: string;
  /** A machine profile's claim, before the crash kernel is loaded. */
  readonly machine?: Asking<z.ZodType, GuestWitness, Promise<Judged>>;
  /** A scenario's, about the running guest. */
  readonly beforeFiring?: Asking<z.ZodType, GuestWitness, Promise<Judged | OpenQuestion>>;
  /** A step's, all vCPUs stopped. */
  readonly choreography?: Asking<z.ZodType, StoppedWitness, Promise<Judged>>;
  /** A scenario's, after the run, from the console. */
  readonly report?: Asking<z.ZodType, ConsoleWitness, readonly Judged[]>;
  /** About the capture kernel, from its report. */
  readonly capture?: Asking<z.ZodType, CaptureWitness, Judged>;
}

/** Combines a schema with the function that asks; `what` states the proof in words, where that is known beforehand. */
export function asking<Schema extends z.ZodType, Witness, Result>(
  schema: Schema,
  put: (asked: z.output<Schema>, witness: Witness) => Result,
  what?: (asked: z.output<Schema>) => string,
): Asking<Schema, Witness, Result> {
  return {
    schema,
    put: (asked, witness) => {
      const parsed = schema.safeParse(asked);
      return parsed.success ? put(parsed.data, witness) : undefined;
    },
    what: (asked) => {
      const parsed = schema.safeParse(asked);
      return parsed.success ? what?.(parsed.data) : undefined;
    },
  };
}

/** How a proof of the live machine is judged. */
export interface Rule<Asked, Answer, Witness extends MachineWitness> {
  /** The statement in words. */
  what(asked: Asked): string;
  /** The question. */
  ask(asked: Asked, witness: Witness): Promise<Answer>;
  /** The judgement, pure. `what` replaces the statement when the question could not be asked. */
  judge(asked: Asked, answer: Answer): Pick<Judged, 'proved' | 'saw'> & { readonly what?: string };
  /** Interrupt sources outside the guest may still make the statement true. */
  readonly awaitsSources?: true;
}

/** Interval at which a statement that sources may make true is asked again. */
const ASK_EVERY_MS = 20;

/** A form that is asked and judged by a rule. */
export function ruled<Schema extends z.ZodType, Answer, Witness extends MachineWitness>(
  schema: Schema,
  rule: Rule<z.output<Schema>, Answer, Witness>,
): Asking<Schema, Witness, Promise<Judged>> {
  return asking(
    schema,
    (asked, witness: Witness) => judge(rule, asked, witness),
    (asked) => rule.what(asked),
  );
}

async function judge<Asked, Answer, Witness extends MachineWitness>(
  rule: Rule<Asked, Answer, Witness>,
  asked: Asked,
  witness: Witness,
): Promise<Judged> {
  const { clock } = witness;
  const untilMs = clock.nowMs() + (rule.awaitsSources === true ? witness.sourcesWithinMs : 0);
  for (;;) {
    const judged = { what: rule.what(asked), ...rule.judge(asked, await rule.ask(asked, witness)) };
    if (judged.proved || clock.nowMs() >= untilMs) return judged;
    await clock.sleep(ASK_EVERY_MS);
  }
}
