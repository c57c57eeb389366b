import t from 'tap';
import { explainVoid } from './cell.js';
import { ExpectationSchema, expectationText, judge } from './expectation.js';
import type { Verdict } from './verdict.js';

const shared = { explanation: 'made', lastPhase: undefined, phases: [], evidence: [] };

function captured(...degradedBy: string[]): Verdict {
  const quality = degradedBy.length === 0 ? 'clean' : 'degraded';
  return { word: 'captured', quality, degradedBy, undecided: [], detail: 'nonce-verified', ...shared };
}

function ended(word: Exclude<Verdict['word'], 'captured'>, detail = 'spin'): Verdict {
  return { word, detail, ...shared };
}

t.test('one verdict', async (t) => {
  t.equal(judge(captured(), { verdict: 'captured' }), 'expected');
  t.equal(judge(captured('x'), { verdict: 'captured', quality: 'clean' }), 'unexpected');
  t.equal(judge(ended('crash-path-hang'), { verdict: 'crash-path-hang' }), 'expected');
  t.equal(judge(ended('crash-path-hang'), { verdict: 'captured' }), 'unexpected');
});

t.test('what degrades a capture: each that is asked for, others may be there', async (t) => {
  const expected = { verdict: 'captured', degradedBy: ['screaming-vector', 'nobody-cared'] } as const;
  const asked = { ...expected, degradedBy: [...expected.degradedBy] };
  t.equal(judge(captured('screaming-vector', 'nobody-cared', 'rcu-stall'), asked), 'expected');
  t.equal(judge(captured('screaming-vector'), asked), 'unexpected');
  t.equal(judge(captured(), asked), 'unexpected');
});

t.test('the detail', async (t) => {
  const expected = { verdict: 'crash-path-hang', detail: 'spin' } as const;
  t.equal(judge(ended('crash-path-hang', 'spin'), expected), 'expected');
  t.equal(judge(ended('crash-path-hang', 'deadline'), expected), 'unexpected');
});

t.test('any of several', async (t) => {
  const anyOf = [
    { verdict: 'captured' as const, quality: 'clean' as const, why: 'often' },
    { verdict: 'capture-hang' as const, why: 'sometimes' },
  ];
  t.equal(judge(captured(), { anyOf }), 'expected');
  t.equal(judge(ended('capture-hang'), { anyOf }), 'expected');
  t.equal(judge(captured('x'), { anyOf }), 'unexpected');
  t.equal(judge(ended('capture-panic'), { anyOf }), 'unexpected');
});

t.test('void and harness errors stay what they are', async (t) => {
  const anyOf = [
    { verdict: 'captured' as const, why: 'a' },
    { verdict: 'harness-error' as const, why: 'b' },
  ];
  t.equal(judge(ended('void'), { anyOf }), 'inconclusive');
  t.equal(judge(ended('void'), { verdict: 'void' }), 'expected');
  t.equal(judge(ended('harness-error'), { anyOf }), 'harness-error', 'even when it was expected');
});

t.test('in words', async (t) => {
  t.equal(expectationText({ verdict: 'captured' }), 'captured');
  t.equal(expectationText({ verdict: 'captured', quality: 'clean' }), 'captured (clean)');
  t.equal(
    expectationText({
      anyOf: [
        { verdict: 'captured', quality: 'degraded', degradedBy: ['a', 'b'], why: 'x' },
        { verdict: 'crash-path-hang', detail: 'spin', why: 'y' },
      ],
    }),
    'captured (degraded by a, b) or crash-path-hang/spin',
  );
});

t.test('each of several says why', async (t) => {
  const one = { verdict: 'captured', why: 'a' };
  t.ok(ExpectationSchema.safeParse({ anyOf: [one, one] }).success);
  t.notOk(ExpectationSchema.safeParse({ anyOf: [one, { verdict: 'captured' }] }).success);
  t.notOk(ExpectationSchema.safeParse({ anyOf: [one] }).success, 'one is no choice');
  t.notOk(ExpectationSchema.safeParse({ verdict: 'captured', why: 'two\nlines' }).success);
});

t.test('a void is explained only where the reason holds', async (t) => {
  const found = { accel: 'tcg', detail: 'state-not-proved' } as const;
  const reason = 'no perf NMIs';
  t.equal(explainVoid(undefined, found), undefined);
  t.equal(explainVoid({ reason }, found), reason);
  t.equal(explainVoid({ reason, under: 'tcg' }, found), reason);
  t.equal(explainVoid({ reason, under: 'kvm' }, found), undefined);
  t.equal(explainVoid({ reason, detail: 'state-not-proved' }, found), reason);
  t.equal(explainVoid({ reason, detail: 'kexec-load-failed' }, found), undefined);
});
