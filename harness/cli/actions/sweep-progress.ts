import type { RunEvent } from '../../model/event.js';
import { isCutOff, type RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { phaseText } from '../../report/run-progress.js';
import { type SweepPace, sweptLine } from '../../report/sweep-progress.js';
import { say } from '../context.js';

/** A run that prints nothing says so after so long, milliseconds. */
const SILENCE_MS = 10_000;

/** What a sweep says while it runs. */
export interface SweepProgress {
  readonly onPlan: (text: string) => void;
  readonly onAhead: SweepPace['plan'];
  readonly onStart: (plan: RunPlan) => void;
  readonly onEvent: (plan: RunPlan, event: RunEvent) => void;
  readonly onResult: (result: RunResult) => void;
  /** Nothing is said any more. */
  readonly close: () => void;
}

/** Says what the runs of one map do: begin, end, and what a slow one did last. `name`: what the map is of. */
export function sweepProgress(
  name: string,
  { pace, silenceMs = SILENCE_MS }: { readonly pace: SweepPace; readonly silenceMs?: number },
): SweepProgress {
  const running = new Map<string, { readonly begunMs: number; phase: string }>();
  let saidMs = performance.now();
  const speak = (text: string) => {
    saidMs = performance.now();
    say(text);
  };
  const timer = setInterval(() => {
    if (running.size === 0 || performance.now() - saidMs < silenceMs) return;
    for (const [runId, { begunMs, phase }] of running)
      speak(`${runId}: ${Math.round((performance.now() - begunMs) / 1000)} s, ${phase}`);
  }, silenceMs / 4);
  timer.unref();
  return {
    onPlan: (text) => speak(`${name}: ${text}`),
    onAhead: (ahead) => pace.plan(ahead),
    onStart: ({ runId, scenario }) => {
      running.set(runId, { begunMs: performance.now(), phase: 'starting' });
      speak(`${runId}: ${scenario.summary}`);
    },
    onEvent: ({ runId }, event) => {
      const guest = running.get(runId);
      if (guest !== undefined) guest.phase = phaseText(event) ?? guest.phase;
    },
    onResult: (result) => {
      running.delete(result.runId);
      // It is repeated, and is no run of the sweep.
      if (!isCutOff(result)) pace.end(result);
      speak(`${name}, ${pace.text()}: ${sweptLine(result)}`);
    },
    close: () => clearInterval(timer),
  };
}
