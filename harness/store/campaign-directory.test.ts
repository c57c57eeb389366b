import t from 'tap';
import { readOutcomes, readRuns, TEMPLATES } from './campaign-directory.js';

t.test('recordings of templates are no runs; a run that was cut off is one', async (t) => {
  const directory = t.testdir({
    [TEMPLATES]: { '001': { 'control.bin': '' }, 'failed-002-x': { 'plan.json': '{}' } },
    '001-x': { 'plan.json': '{}' },
    'results.jsonl': '',
  });
  t.match(await readRuns(directory), [{ runId: '001-x', plan: undefined, result: undefined }]);
  t.equal((await readRuns(directory)).length, 1);
  t.strictSame(
    [...readOutcomes(directory)].map(({ runId }) => runId),
    ['001-x'],
  );
});
