import type { z } from 'zod';
import type { Nic } from '../model/nic.js';
import type { VerdictWord } from '../model/verdict.js';
import type { ScenarioProof } from '../proof/proofs.js';
import type { Abilities, AbilityName, Need, Target } from './target.js';

/** Fires an armed trigger and records it. */
export type Fire = () => Promise<void>;

/** The parts of a scenario that a trigger can contradict. */
export interface Surroundings {
  readonly guest: { readonly nic?: Nic | undefined };
  readonly prove: readonly ScenarioProof[];
  readonly expect: { readonly verdict: VerdictWord };
  readonly cpus: number;
}

/** Why a trigger and the rest of its scenario contradict each other, and the remedy. */
export interface Contradiction {
  /** What contradicts itself, when `why` does not name it: `its steps contradict themselves`. */
  readonly what?: string;
  readonly why: string;
  readonly remedy: string;
  /** What to correct in the scenario when other vCPUs do not help: `its steps`. */
  readonly subject: string;
}

interface Described<Spec> {
  /** The context in which the panic happens: a noun phrase. */
  readonly context: string;
  /** What it proves by itself, for the generated docs. */
  proves?(spec: Spec): readonly string[];
  contradiction?(spec: Spec, surroundings: Surroundings): Contradiction | undefined;
}

/** The schema of a trigger: an object with its `kind`. */
export type TriggerSchemaOf<Kind extends string = string> = z.ZodObject<{ kind: z.ZodLiteral<Kind> }>;

/** A trigger that is fired through the machine's abilities. */
export interface Firing<S extends TriggerSchemaOf, N extends AbilityName> extends Described<z.infer<S>> {
  readonly schema: S;
  readonly needs: readonly N[];
  /**
   * Prepares the crash up to the moment before it. Requirements on the guest are checked with `target.require`, so that
   * a guest that lacks one is void with the reason, not `no-panic`. The records made right before firing come between
   * this and the firing.
   */
  arm(spec: z.infer<S>, target: Target & Pick<Abilities, N>): Promise<Fire>;
}

/** A trigger whose steps choreo/ interprets; it fires in one of them. */
export interface Directed<S extends TriggerSchemaOf> extends Described<z.infer<S>> {
  readonly schema: S;
  needsOf(spec: z.infer<S>): readonly Need[];
}

/** Types a trigger by its schema and its needs. */
export function firing<const S extends TriggerSchemaOf, const N extends AbilityName>(
  trigger: Firing<S, N>,
): Firing<S, N> {
  return trigger;
}

/** The contradiction of a trigger that names a CPU, with a guest of too few; undefined when it has that CPU. */
export function lacksCpu(what: string, cpu: number, cpus: number): Contradiction | undefined {
  if (cpu < cpus) return undefined;
  return {
    why: `${what} cpu ${cpu}, and the guest has ${cpus}`,
    remedy: 'name a CPU that it has',
    subject: 'its cpu',
  };
}
