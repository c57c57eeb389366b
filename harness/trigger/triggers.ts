import { z } from 'zod';
import { choreography } from './choreography.js';
import { keyboard } from './keyboard.js';
import { lkdtm } from './lkdtm.js';
import { mce } from './mce.js';
import { nmi } from './nmi.js';
import { script } from './script.js';
import { serialBreak } from './serial-break.js';
import { ssh } from './ssh.js';
import { sysrq } from './sysrq.js';
import { type Abilities, ABILITY_WORDS, type AbilityName, type Need, type Target } from './target.js';
import type { Contradiction, Directed, Fire, Firing, Surroundings, TriggerSchemaOf } from './trigger.js';

/** All triggers. The schema, its types, the dispatch and the docs are derived from this list. */
const TRIGGERS = [sysrq, script, nmi, mce, serialBreak, keyboard, lkdtm, choreography, ssh] as const;

const [first, ...others] = TRIGGERS;

/** How the guest is made to panic. */
export const TriggerSchema = z.discriminatedUnion('kind', [
  first.schema,
  ...others.map(({ schema }) => schema),
]);

export type Trigger = z.infer<typeof TriggerSchema>;
/** A trigger whose steps choreo/ interprets. */
export type DirectedTrigger = z.infer<typeof choreography.schema>;
/** A trigger that {@link armTrigger} arms. */
export type FiringTrigger = Exclude<Trigger, DirectedTrigger>;

type Filed = Firing<TriggerSchemaOf, AbilityName> | Directed<TriggerSchemaOf>;

const BY_KIND: ReadonlyMap<string, Filed> = new Map(
  TRIGGERS.map((trigger) => [trigger.schema.shape.kind.value, trigger]),
);

function filed({ kind }: Trigger): Filed {
  const trigger = BY_KIND.get(kind);
  if (trigger === undefined) throw new Error(`no trigger of kind "${kind}" in the list of triggers`);
  return trigger;
}

/** The context in which the panic happens. */
export function contextOf(trigger: Trigger): string {
  return filed(trigger).context;
}

/** What a trigger proves by itself, for people. */
export function provedBy(trigger: Trigger): readonly string[] {
  return filed(trigger).proves?.(trigger) ?? [];
}

/** What a trigger needs of the machine. */
export function needsOf(trigger: Trigger): readonly Need[] {
  const entry = filed(trigger);
  return 'needs' in entry ? entry.needs : entry.needsOf(trigger);
}

/** The contradiction between a trigger and the rest of its scenario; undefined when there is none. */
export function contradictionOf(trigger: Trigger, surroundings: Surroundings): Contradiction | undefined {
  return filed(trigger).contradiction?.(trigger, surroundings);
}

/**
 * Prepares the crash up to the moment before it and returns the function that fires. A machine without an ability that
 * the trigger needs, and a guest without a requirement of it, end the run (void).
 */
export async function armTrigger(trigger: FiringTrigger, target: Target): Promise<Fire> {
  const entry = filed(trigger);
  if (!('arm' in entry)) throw new Error(`trigger "${trigger.kind}" is directed and cannot be armed`);
  if (!provides(target, entry.needs)) {
    const lacking = entry.needs.filter((need) => target[need] === undefined);
    const words = lacking.map((need) => ABILITY_WORDS[need]).join(' and ');
    target.require({
      what: `the machine has ${words}`,
      proved: false,
      saw: `it has none, and trigger "${trigger.kind}" needs it`,
    });
    throw new Error(`the run continued without ${words}`);
  }
  return entry.arm(trigger, target);
}

function provides<N extends AbilityName>(
  target: Target,
  needs: readonly N[],
): target is Target & Pick<Abilities, N> {
  return needs.every((need) => target[need] !== undefined);
}
