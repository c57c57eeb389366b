/** One real run, and one that is derived from it, for the tests of reports. */
import { readFileSync } from 'node:fs';
import { type RunResult, RunResultSchema } from '../../model/result.js';
import { type RunPlan, RunPlanSchema } from '../../plan/run-plan.js';

const TESTDATA = new URL('../../../harness/report/testdata/', import.meta.url);

export interface ReportFixtures {
  /** The real run's result (stock Debian 6.1 under TCG, sysrq-c), with the machine's paths replaced. */
  readonly captured: RunResult;
  /** The real run, changed to a hang after the shootdown. */
  readonly hung: RunResult;
  /** The real run's plan. */
  readonly plan: RunPlan;
  /** The real console from two lines before the sysrq to the last line of the panic report. */
  readonly console: Buffer;
}

/** Reads the run and derives the other one from it. */
export function reportFixtures(): ReportFixtures {
  const read = (name: string) => readFileSync(new URL(name, TESTDATA));
  const captured = RunResultSchema.parse(JSON.parse(read('captured.verdict.json').toString()));
  const console = read('crash-console.bin');
  return {
    captured,
    hung: hungLike(captured, console.indexOf('[    4.624082] Kernel panic')),
    plan: RunPlanSchema.parse(JSON.parse(read('captured.plan.json').toString())),
    console,
  };
}

function hungLike(captured: RunResult, panicOffset: number): RunResult {
  return {
    ...captured,
    runId: 'r2',
    trial: 2,
    verdict: 'crash-path-hang',
    quality: undefined,
    detail: 'all-vcpus-halted',
    explanation: 'the crash path is stuck: every vCPU is halted with interrupts off for 4010 ms',
    outcome: 'unexpected',
    lastPhase: 'cpus-shot-down',
    phases: captured.phases.slice(0, 6),
    evidence: [
      {
        source: 'console',
        offset: panicOffset,
        length: 64,
        atMs: 8022.169,
        what: 'panic',
        excerpt: 'Kernel panic - not syncing',
      },
      { source: 'samples', line: 40, atMs: 12157.7, what: 'hang', excerpt: 'cpu0 rip=1000 hlt=1 if=0' },
    ],
    durationMs: 12_700,
  };
}

/** Text that would clear a screen, hide, or reorder what follows, and end an HTML element. */
export const HOSTILE = '\u001b[2J\u202e"><script>alert(1)</script>\u0000\r\n';
