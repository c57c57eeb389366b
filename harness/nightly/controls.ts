import type { NightControl } from '../model/night-verdict.js';
import type { RunResult } from '../model/result.js';
import { VERDICTS } from '../model/verdict.js';
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

/** What each control must do. */
export const MUST: Readonly<Record<ControlKind, { words: string; isMet: (result: RunResult) => boolean }>> = {
  mustHang: { words: 'must hang', isMet: ({ verdict }) => VERDICTS[verdict].trialClass === 'hung' },
  mustCapture: { words: 'must capture', isMet: ({ verdict }) => verdict === 'captured' },
  mustNotCrash: { words: 'must not crash', isMet: ({ verdict }) => verdict === 'no-panic' },
};

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
