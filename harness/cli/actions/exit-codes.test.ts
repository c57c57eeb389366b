import t from 'tap';
import type { RunResult } from '../../model/result.js';
import { exitCodeFor } from './exit-codes.js';

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
