import type { RunResult } from '../model/result.js';

/**
 * What a run of a sweep is for. `question`: where does the crash path end, with a lock held or an NMI injected? Every end is
 * an answer. `control`: it records, and must be captured.
 */
export type SweptFor = 'question' | 'control';

const QUESTIONS = [
  /^crash-locks-(?:[a-z]+-)?\d{3,}-(?:another|itself)(?:-at-\d+)?$/,
  /^nmi-transition-\d{4,6}$/,
];
const CONTROLS = [
  /^crash-locks-(?:[a-z]+-)?(?:(?:record|atomics)-\d+|find|takers)$/,
  /^nmi-transition-trace(?:-\d+)?$/,
];

/** What a scenario of a sweep is for, by its name; undefined for any other scenario. */
export function sweptFor(scenario: string): SweptFor | undefined {
  if (QUESTIONS.some((form) => form.test(scenario))) return 'question';
  return CONTROLS.some((form) => form.test(scenario)) ? 'control' : undefined;
}

/** Said in place of what a scenario expects. */
const ANY_END = 'any end, which the map has';

/**
 * A result as its sweep takes it: the end of a question is an answer, and no failure. A void run and a harness error answer
 * nothing, and stay what they are; so does a control that is not captured.
 */
export function sweptResult(result: RunResult): RunResult {
  if (sweptFor(result.scenario) !== 'question') return result;
  const outcome = result.outcome === 'unexpected' ? 'expected' : result.outcome;
  return { ...result, outcome, expected: ANY_END };
}
