import t from 'tap';
import { decideControls, decideStep } from './decide.js';
import { AS_EXPECTED, countsOf, type Judged, type Shown, shownBy, signatureOf } from './outcome.js';

const PATIENCE = 60;
const good: Shown = { kind: 'outcome', outcome: AS_EXPECTED };
const hang: Shown = { kind: 'outcome', outcome: 'crash-path-hang' };
const panic: Shown = { kind: 'outcome', outcome: 'capture-panic' };
const voided: Shown = { kind: 'undecided', why: 'void/state-not-proved' };
const broken: Shown = { kind: 'harness-error', why: 'qemu died' };
const times = (count: number, shown: Shown) => Array.from({ length: count }, () => shown);

function result(changes: Partial<Judged>): Judged {
  return { verdict: 'captured', outcome: 'expected', detail: 'x', explanation: 'text', ...changes };
}

t.test('what a trial shows', async (t) => {
  t.strictSame(shownBy(result({})), good);
  t.strictSame(shownBy(result({ verdict: 'crash-path-hang', outcome: 'unexpected' })), hang);
  t.match(shownBy(result({ quality: 'degraded', outcome: 'unexpected' })), {
    outcome: 'captured (degraded)',
  });
  t.strictSame(
    shownBy(result({ verdict: 'crash-path-hang', outcome: 'expected' })),
    good,
    'a scenario that expects a hang',
  );
  t.match(
    shownBy(result({ outcome: 'inconclusive' })),
    { kind: 'undecided' },
    'a capture that is not judged',
  );
  for (const verdict of ['void', 'cannot-tell'] as const) {
    t.match(shownBy(result({ verdict, outcome: 'inconclusive' })), {
      kind: 'undecided',
      why: `${verdict}/x`,
    });
  }
  t.match(shownBy(result({ verdict: 'boot-failed', outcome: 'unexpected' })), { kind: 'undecided' });
  t.match(shownBy(result({ verdict: 'harness-error', outcome: 'harness-error' })), { kind: 'harness-error' });
});

t.test('bad is what the bad end shows and the good end does not', async (t) => {
  t.strictSame(signatureOf([good, voided], [hang, good, broken]), {
    good: [AS_EXPECTED],
    bad: ['crash-path-hang'],
  });
  t.strictSame(
    signatureOf([hang], [good]),
    { good: ['crash-path-hang'], bad: [AS_EXPECTED] },
    'a fix is sought',
  );
  t.strictSame(signatureOf([good, hang], [hang]).bad, []);
  const signature = { good: [AS_EXPECTED], bad: ['crash-path-hang'] };
  t.strictSame(countsOf([good, hang, panic, voided, broken, panic], signature), {
    ...{ good: 1, bad: 1, undecided: 3, harnessErrors: 1 },
    why: ['another outcome: capture-panic', 'void/state-not-proved'],
  });
});

t.test('a step: one bad trial, enough good ones, or too many that are neither', async (t) => {
  const signature = { good: [AS_EXPECTED], bad: ['crash-path-hang'] };
  const decide = (shown: readonly Shown[], goods = 4) => decideStep(countsOf(shown, signature), goods);
  t.strictSame(decide([]), { verdict: 'more', trials: 4 });
  t.strictSame(decide(times(3, good)), { verdict: 'more', trials: 1 });
  t.strictSame(decide(times(4, good)), { verdict: 'good' });
  t.strictSame(decide([...times(3, good), hang]), { verdict: 'bad' });
  t.strictSame(decide([voided, voided, hang]), { verdict: 'bad' });
  t.strictSame(decide([voided, voided]), { verdict: 'more', trials: 4 });
  t.match(decide(times(3, voided)), {
    verdict: 'skip',
    why: '3 of 3 trials undecided: void/state-not-proved',
  });
  t.match(decide([good, ...times(3, voided)]), { verdict: 'more' });
  t.match(decide([good, ...times(4, panic)]), {
    verdict: 'skip',
    why: /4 of 5 .*another outcome: capture-panic/,
  });
  t.strictSame(decide(times(9, broken)), { verdict: 'more', trials: 4 }, 'the harness decides nothing');
  t.strictSame(decide([good], 1), { verdict: 'good' });
});

t.test('controls: pairs, until the rate is known or nothing is to be seen', async (t) => {
  const decide = (atGood: readonly Shown[], atBad: readonly Shown[]) =>
    decideControls({ good: atGood, bad: atBad }, PATIENCE);
  t.strictSame(decide([], []), { kind: 'more', end: 'bad', trials: 1 });
  t.strictSame(decide([], [hang]), { kind: 'more', end: 'good', trials: 1 });
  t.strictSame(decide([good], [hang]), { kind: 'more', end: 'bad', trials: 1 });
  t.match(decide(times(5, good), times(5, hang)), { kind: 'done', measured: { bad: 5, judged: 5 } });
  t.match(decide(times(4, good), times(5, hang)), { kind: 'more', end: 'good' });
  t.match(decide(times(30, good), [...times(26, good), ...times(4, hang)]), { kind: 'more', end: 'bad' });
  t.match(decide(times(30, good), [...times(25, good), ...times(4, hang), panic]), {
    kind: 'done',
    signature: { bad: ['crash-path-hang', 'capture-panic'] },
    measured: { bad: 5, judged: 30 },
  });
  t.match(decide(times(60, good), times(60, good)), {
    kind: 'refused',
    why: 'no difference shown: the good end as expected 60 of 60; the bad end as expected 60 of 60',
  });
  t.match(decide(times(240, good), [hang, ...times(239, good)]), {
    kind: 'done',
    measured: { bad: 1, judged: 240 },
  });
  t.match(decide([good, hang], [hang, hang]), {
    kind: 'refused',
    why: /^both ends show the same: the good end as expected 1, crash-path-hang 1 of 2; the bad end crash-path-hang 2 of 2$/,
  });
  t.match(decide([hang], [good]), { kind: 'more', end: 'bad' }, 'the ends of a fix differ');
  t.match(decide([], times(3, voided)), {
    kind: 'refused',
    why: 'the bad end cannot be judged: 3 of 3 trials are undecided: void/state-not-proved',
  });
  t.match(decide([voided, good], [hang]), { kind: 'more', end: 'bad' });
});
