import t from 'tap';
import type { RunResult } from '../../model/result.js';
import type { VerdictWord } from '../../model/verdict.js';
import { compareTrials } from '../../stats/comparison.js';
import type { FailOn } from '../words/compare.js';
import { compareExitCode, exitCodeFor } from './exit-codes.js';

t.test('the worst that was seen; what is explained counts only alone', async (t) => {
  const codeOf = (...outcomes: (RunResult['outcome'] | 'explained')[]) =>
    exitCodeFor(
      outcomes.map((outcome) =>
        outcome === 'explained' ? { outcome: 'inconclusive', voidOk: 'no PMU' } : { outcome },
      ),
    );
  t.equal(codeOf(), 0);
  t.equal(codeOf('expected'), 0);
  t.equal(codeOf('expected', 'inconclusive'), 2);
  t.equal(codeOf('inconclusive', 'harness-error', 'expected'), 3);
  t.equal(codeOf('harness-error', 'unexpected', 'inconclusive'), 1);
  t.equal(codeOf('expected', 'explained'), 0);
  t.equal(codeOf('explained', 'explained'), 2, 'nothing was shown');
  t.equal(codeOf('explained', 'inconclusive', 'expected'), 2);
  t.equal(codeOf('explained', 'harness-error'), 3);
  t.equal(codeOf('explained', 'unexpected'), 1);
});

const CONDITIONS: readonly (FailOn | undefined)[] = [undefined, 'regression', 'difference', 'not-fixed'];

/** Exit codes without and with each condition, for verdicts of baseline and candidate in each scenario. */
function codes(...scenarios: readonly (readonly [VerdictWord, VerdictWord])[]): number[] {
  const names = scenarios.map((_, index) => `s${index}`);
  const trials = scenarios.flatMap((verdicts, index) =>
    verdicts.flatMap((verdict, kernel) =>
      Array.from({ length: 8 }, (_, round) => ({ scenario: `s${index}`, kernel, round: round + 1, verdict })),
    ),
  );
  const comparison = compareTrials(trials, { scenarios: names, kernels: ['old', 'new'], looks: [8] });
  return CONDITIONS.map((failOn) => compareExitCode(comparison, failOn));
}

t.test('exit codes: none, regression, difference, not-fixed', async (t) => {
  t.strictSame(codes(['capture-hang', 'captured']), [0, 0, 1, 0], 'fixes');
  t.strictSame(codes(['captured', 'capture-hang']), [0, 1, 1, 1], 'regresses');
  t.strictSame(codes(['captured', 'captured']), [0, 0, 0, 1], 'no difference');
  t.strictSame(codes(['captured', 'void']), [2, 2, 2, 2], 'nothing judged');
  t.strictSame(codes(['harness-error', 'captured']), [3, 3, 3, 3], 'nothing could be tried');
  t.strictSame(codes(['captured', 'capture-hang'], ['capture-hang', 'captured']), [0, 1, 1, 1], 'both ways');
  t.strictSame(
    codes(['captured', 'capture-hang'], ['captured', 'void']),
    [2, 1, 1, 1],
    'what is seen stands',
  );
  t.strictSame(
    codes(['capture-hang', 'captured'], ['captured', 'void']),
    [2, 2, 1, 2],
    'fixed, as far as seen',
  );
  t.strictSame(
    codes(['capture-hang', 'captured'], ['captured', 'captured']),
    [0, 0, 1, 0],
    'fixed somewhere',
  );
});
