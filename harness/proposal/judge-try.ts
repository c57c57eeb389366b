import type { HostFact } from '../model/record.js';
import type { RunResult } from '../model/result.js';
import { stacksOfRun } from '../stacks/from-autopsy.js';
import type { Step } from '../trigger/choreography-steps.js';
import type { Choices } from './choices.js';
import { compareHang, type HangComparison } from './compare-hang.js';
import { obstacleIn } from './obstacle.js';
import type { Relation } from './relation.js';
import type { TryOutcome } from './variations.js';

/** One run of a variation. */
export interface TriedRun {
  readonly result: RunResult;
  readonly facts: readonly HostFact[];
  readonly steps: readonly Step[];
}

/** A variation, how it ended and why, for people and for the next choice. */
export interface Attempt {
  readonly choices: Choices;
  readonly result: RunResult;
  readonly outcome: TryOutcome;
  /** One sentence: what was not reached, or how the hang compares. */
  readonly reason: string;
  /** Of a hang. */
  readonly comparison: HangComparison | undefined;
}

/** What does a run say of the stacks that it was proposed from? Pure. */
export function judgeTry(relation: Relation, choices: Choices, run: TriedRun): Attempt {
  const { result, facts, steps } = run;
  const about = { choices, result, comparison: undefined };
  if (result.verdict === 'void') {
    const { obstacle, text } = obstacleIn(facts, steps);
    return { ...about, outcome: { kind: 'void', obstacle }, reason: text };
  }
  if (result.outcome === 'harness-error' || result.verdict === 'cannot-tell')
    return { ...about, outcome: { kind: 'failed' }, reason: result.explanation };
  if (result.verdict !== 'crash-path-hang')
    return { ...about, outcome: { kind: 'other-end' }, reason: endText(result) };
  const comparison = compareHang(relation, stacksOfRun(facts));
  const place = `${comparison.same ? 'the same place' : 'another place'}: ${comparison.saw.slice(0, 3).join('; ')}`;
  const kind = comparison.same ? 'reproduced' : 'other-end';
  return { ...about, outcome: { kind }, reason: place, comparison };
}

function endText({ verdict, degradedBy, explanation }: RunResult): string {
  if (verdict !== 'captured') return explanation;
  const how = degradedBy.length === 0 ? '' : `, degraded by ${degradedBy.join(', ')}`;
  return `every proof held, and the capture kernel came up${how}`;
}
