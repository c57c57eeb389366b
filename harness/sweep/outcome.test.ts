import t from 'tap';
import type { RunResult } from '../model/result.js';
import { END_WORDS, VERDICT_WORDS } from '../model/verdict.js';
import { outcomeOf } from './outcome.js';

function result(verdict: RunResult['verdict'], detail = 'made'): RunResult {
  return {
    ...{
      schema: 1,
      runId: 'a-0001-x',
      campaign: 'c',
      scenario: 'nmi-transition-0001',
      trial: 1,
      kernel: 'k',
    },
    ...{ kernelSha256: '', captureKernel: 'k', captureKernelSha256: '', accel: 'tcg', verdict, detail },
    ...{ degradedBy: [], explanation: '', expected: 'captured', outcome: 'unexpected', lastPhase: null },
    ...{ phases: [], evidence: [], durationMs: 1, directory: '/runs/a' },
  };
}

void t.test('a triple fault, a hang and a capture are three outcomes', async (t) => {
  t.match(outcomeOf(result('captured'), undefined), { end: 'captured', text: 'captured' });
  t.match(outcomeOf(result('crash-path-reset'), 'triple fault'), {
    end: 'reset',
    text: 'reset: triple fault',
  });
  t.match(outcomeOf(result('capture-reset'), 'other reset'), { end: 'reset', text: 'reset: other reset' });
  t.match(outcomeOf(result('capture-reset'), undefined), { text: 'reset' }, 'KVM has no such log');
  t.match(outcomeOf(result('crash-path-hang', 'all-vcpus-halted'), undefined), {
    end: 'hang',
    text: 'hang: all-vcpus-halted',
  });
});

void t.test('runs that establish nothing about the kernel are unknown, never a guess', async (t) => {
  for (const verdict of ['void', 'harness-error', 'boot-failed'] as const) {
    t.equal(outcomeOf(result(verdict), 'triple fault').end, 'unknown');
  }
  for (const verdict of VERDICT_WORDS) t.ok(END_WORDS.includes(outcomeOf(result(verdict), undefined).end));
});
