import t from 'tap';
import type { VerdictWord } from '../model/verdict.js';
import { compareTrials, type Design, type Trial } from '../stats/comparison.js';
import { compareText } from './compare.js';
import { HOSTILE } from '../testing/recordings/reported-run.js';

function trials(kernel: number, verdicts: readonly VerdictWord[], scenario = 's'): Trial[] {
  return verdicts.map((verdict, index) => ({ scenario, kernel, round: index + 1, verdict }));
}

function times(count: number, verdict: VerdictWord): VerdictWord[] {
  return Array<VerdictWord>(count).fill(verdict);
}

const DESIGN: Design = { scenarios: ['s'], kernels: ['debian:6.1', './bzImage'], looks: [20] };

t.test('one scenario', async (t) => {
  const hung = [...trials(0, times(20, 'crash-path-hang')), ...trials(1, times(20, 'captured'))];
  t.equal(
    compareText(compareTrials(hung, DESIGN), { color: false }),
    `s
           KERNEL      TRIALS  CAPTURED              HUNG  OTHER  FAILURE RATE  95 % INTERVAL
baseline   debian:6.1      20         0                20      0         100 %  83 % to 100 %
candidate  ./bzImage       20        20  0 (at most 14 %)      0           0 %    0 % to 17 %
candidate fixes (p = 1.5e-11)

failure rate: not captured / judged; void and harness errors are not judged
interval: two-sided Clopper-Pearson; "at most": one-sided 95 % bound of what never showed, 1 - 0.05^(1/n)
p: Fisher's exact test, two-sided; a difference is shown by p <= 0.05`,
  );
});

t.test('trials that were not judged are separate; without judged trials there is no rate', async (t) => {
  const mixed = [
    ...trials(0, [...times(1, 'captured'), ...times(2, 'void'), ...times(1, 'harness-error')]),
    ...trials(1, times(3, 'void')),
  ];
  const text = compareText(compareTrials(mixed, { ...DESIGN, looks: [4] }), { color: false });
  t.match(text, /^baseline {3}debian:6\.1 +4 +1 +0 \(at most 95 %\) +0 +0 % +0 % to 98 %$/m);
  t.match(text, /^candidate {2}\.\/bzImage +3 +0 +0 +0 +\? +\?$/m);
  t.match(text, /^not judged: 2 void and 1 harness error \(baseline debian:6\.1\)$/m);
  t.match(text, /^not judged: 3 void \(candidate \.\/bzImage\)$/m);
  t.match(text, /^nothing can be concluded; no trial of the candidate could be judged$/m);
});

t.test('several scenarios, a further kernel, early looks', async (t) => {
  const design: Design = { scenarios: ['a', 'b'], kernels: ['old', 'new', 'newer'], looks: [5, 10] };
  const all = [
    ...trials(0, times(5, 'capture-hang'), 'a'),
    ...trials(1, times(5, 'captured'), 'a'),
    ...trials(2, times(5, 'captured'), 'a'),
    ...[0, 1, 2].flatMap((kernel) => trials(kernel, times(10, 'captured'), 'b')),
  ];
  const text = compareText(compareTrials(all, design), { color: false });
  t.match(text, /^also +newer +5 +5/m);
  t.match(text, /^decided after 5 of 10 rounds$/m);
  t.match(text, /^newer: no difference shown; with n=10 a hang rate below 26 % would be missed \(p = 1\)$/m);
  t.match(text, /^over 2 scenarios: no difference shown in any of 2 scenarios$/m);
  t.match(text, /corrected for 2 planned looks at the data, Holm-corrected for 4 comparisons; a difference/);
});

t.test('colour marks the conclusion; a name cannot write to the terminal', async (t) => {
  const worse = [...trials(0, times(8, 'captured')), ...trials(1, times(8, 'capture-reset'))];
  const comparison = compareTrials(worse, { ...DESIGN, kernels: ['old', HOSTILE] });
  t.ok(compareText(comparison, { color: true }).includes('\u001b[31mcandidate regresses\u001b[39m'));
  const plain = compareText(comparison, { color: false });
  t.equal(plain.search(/[^\n\x20-\x7e]/), -1);
});
