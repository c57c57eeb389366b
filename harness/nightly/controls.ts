import { alternativesOf, type Expectation, type Happened, matches } from '../model/expectation.js';
import type { NightControl } from '../model/night-verdict.js';
import type { RunResult } from '../model/result.js';
import { VERDICT_WORDS, VERDICTS } from '../model/verdict.js';
import type { ControlKind, NightRecord } from '../night/night-record.js';
import { countOf, safeSentence, verdictName } from '../report/words.js';
import type { NightRuns } from './night-runs.js';

/** What a control showed at one end of the night. */
export interface ControlSeen {
  readonly kind: ControlKind;
  readonly arm: string;
  readonly stage: 'begin' | 'end';
  readonly held: boolean;
  /** The run that shows something; absent when none does. */
  readonly shown: RunResult | undefined;
  readonly results: readonly RunResult[];
}

/** What each control must do, in words and as what is expected of its runs, whatever the scenario expects. */
export const MUST: Readonly<Record<ControlKind, { words: string; expect: Expectation }>> = {
  mustHang: {
    words: 'must hang',
    expect: {
      anyOf: VERDICT_WORDS.filter((word) => VERDICTS[word].trialClass === 'hung').map((verdict) => ({
        verdict,
        why: 'it is a control that must hang',
      })),
    },
  },
  mustCapture: { words: 'must capture', expect: { verdict: 'captured' } },
  mustNotCrash: { words: 'must not crash', expect: { verdict: 'no-panic' } },
};

/** Whether a run did what its control must do. */
export function isMet(kind: ControlKind, happened: Happened): boolean {
  return alternativesOf(MUST[kind].expect).some((one) => matches(happened, one));
}

/** Whether a run shows anything about the kernel. */
export function shows({ verdict }: RunResult): boolean {
  return VERDICTS[verdict].otherwise === 'unexpected';
}

/** What a control showed, in words. */
export function whyOf({ shown, results }: ControlSeen): string {
  if (shown !== undefined) return `${verdictName(shown)} (${shown.detail})`;
  const last = results.at(-1);
  if (last === undefined) return 'it was not run';
  return `${countOf(results.length, 'run')} showed nothing about the kernel; the last was ${verdictName(last)}: ${last.explanation}`;
}

/** What the night says of a control. Pure. */
export function nightControl(
  runs: NightRuns,
  { kind, arm }: NightRecord['controls'][number],
  seen: readonly ControlSeen[],
): NightControl {
  const own = seen.filter((one) => one.arm === arm && one.kind === kind);
  const { plan, kernel, reproduce } = runs.arm(arm);
  const results = own.flatMap(({ results }) => results);
  const verdicts: Record<string, number> = {};
  for (const result of results) verdicts[verdictName(result)] = (verdicts[verdictName(result)] ?? 0) + 1;
  const ended = [...runs.ended(arm, 'begin'), ...runs.ended(arm, 'end')];
  const machine = plan.cell?.machine;
  return {
    scenario: plan.scenario.name,
    kernel: kernel.name,
    ...(machine === undefined ? {} : { machine }),
    what: MUST[kind].words,
    held: own.length > 0 && own.every(({ held }) => held),
    why: bounded(own.map((one) => `${one.stage}: ${whyOf(one)}`).join('; ') || 'it was not run'),
    verdicts,
    reproduce,
    runs: ended.map(({ below }) => below),
  };
}

/** A sentence of verdicts.json: bounded, never empty. */
export function bounded(text: string): string {
  const safe = safeSentence(text);
  return safe === '' ? '?' : safe;
}
