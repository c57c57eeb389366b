import { stackNames } from '../model/autopsy.js';
import type { RunEvent } from '../model/event.js';
import { factsOf } from './phases.js';

/** The stacks at the end of a run, and the events that have them. */
export interface Stacks {
  /** The functions of a vCPU, innermost first; empty where its stack was not read. */
  of(vcpu: number): readonly string[];
  readonly evidence: readonly RunEvent[];
}

/** The stacks of a run: of its autopsy, or the facts of their own that recordings had before. */
export function stacksIn(events: readonly RunEvent[]): Stacks {
  const autopsies = factsOf(events, 'autopsy');
  const stacks = factsOf(events, 'stack');
  const autopsy = autopsies.at(-1)?.fact.autopsy;
  return {
    of: (vcpu) => {
      const seen = autopsy?.vcpus.find((one) => one.vcpu === vcpu);
      if (seen !== undefined) return stackNames(seen);
      return stacks.findLast(({ fact }) => fact.vcpu === vcpu)?.fact.functions ?? [];
    },
    evidence: [...stacks, ...autopsies],
  };
}

/** The most important finding of a run's autopsy. */
export function firstFinding(events: readonly RunEvent[]): string | undefined {
  return factsOf(events, 'autopsy').at(-1)?.fact.autopsy.findings[0];
}
