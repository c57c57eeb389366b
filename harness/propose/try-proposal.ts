import { type Choices, differenceOf, firstChoices } from '../proposal/choices.js';
import { draftText, type DraftOptions } from '../proposal/draft.js';
import { type Attempt, judgeTry, type TriedRun } from '../proposal/judge-try.js';
import type { Relation } from '../proposal/relation.js';
import { nextChoices } from '../proposal/variations.js';
import { readScenario } from '../plan/read-scenario.js';
import type { Scenario } from '../plan/scenario.js';

/** Runs a scenario once on a kernel; undefined when it was cut off. */
export type RunOnce = (scenario: Scenario, spec: string) => Promise<TriedRun | undefined>;

/** A harness that fails so often in a row fails for another reason than the scenario. */
const FAILURES_MOST = 2;

export interface TryOptions extends DraftOptions {
  readonly kernels: readonly string[];
  /** Runs on each kernel at most. */
  readonly tries: number;
  /** Asked before each run: is there time for another? */
  readonly mayGoOn: () => boolean;
  readonly run: RunOnce;
  readonly onTry?: ((kernel: string, variation: string) => void) | undefined;
  readonly onAttempt?: ((kernel: string, attempt: Attempt, variation: string) => void) | undefined;
}

/** What was tried on one kernel. */
export interface KernelTries {
  readonly kernel: string;
  readonly attempts: readonly (Attempt & { readonly variation: string })[];
  /** Why it ended. */
  readonly ended: 'reproduced' | 'tries' | 'time' | 'variations' | 'harness' | 'stopped';
}

/**
 * Runs variations of a proposal on each kernel, one after the other, until one hangs where the stacks say, or a bound is
 * reached. Each void decides what is tried next.
 */
export async function tryProposal(relation: Relation, options: TryOptions): Promise<KernelTries[]> {
  const all: KernelTries[] = [];
  for (const kernel of options.kernels) {
    const tries = await tryOn(kernel, relation, options);
    all.push(tries);
    if (tries.ended === 'stopped') break;
  }
  return all;
}

async function tryOn(kernel: string, relation: Relation, options: TryOptions): Promise<KernelTries> {
  const attempts: (Attempt & { variation: string })[] = [];
  const draft = firstChoices(relation);
  const end = (ended: KernelTries['ended']): KernelTries => ({ kernel, attempts, ended });
  for (;;) {
    if (attempts.at(-1)?.outcome.kind === 'reproduced') return end('reproduced');
    if (attempts.length >= options.tries) return end('tries');
    if (failures(attempts) >= FAILURES_MOST) return end('harness');
    if (!options.mayGoOn()) return end('time');
    const choices = nextChoices(relation, attempts);
    if (choices === undefined) return end('variations');
    const variation = differenceOf(choices, draft);
    options.onTry?.(kernel, variation);
    const run = await options.run(scenarioOf(relation, choices, options), kernel);
    if (run === undefined) return end('stopped');
    const attempt = { ...judgeTry(relation, choices, run), variation };
    attempts.push(attempt);
    options.onAttempt?.(kernel, attempt, variation);
  }
}

function failures(attempts: readonly Attempt[]): number {
  const good = attempts.findLastIndex(({ outcome }) => outcome.kind !== 'failed');
  return attempts.length - 1 - good;
}

/** The scenario that a file with the choices holds. */
export function scenarioOf(relation: Relation, choices: Choices, options: DraftOptions): Scenario {
  return readScenario(draftText(relation, choices, options), 'proposal.yaml');
}
