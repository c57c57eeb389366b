import t from 'tap';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { resultKeeper } from './kept-result.js';

const { captured, hung } = reportFixtures();

t.test('what is kept of a result is the result, without phases and evidence', async (t) => {
  const keep = resultKeeper();
  for (const result of [captured, hung])
    t.strictSame(keep(result), JSON.parse(JSON.stringify({ ...result, phases: [], evidence: [] })));
  t.ok(captured.phases.length > 0 && captured.evidence.length > 0, 'the result itself is untouched');
});
