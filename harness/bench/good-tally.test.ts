import t from 'tap';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { goodText, tallyGood } from './good-tally.js';

const { captured: CLEAN, hung: HUNG } = reportFixtures();
const UNDECIDED = { ...CLEAN, undecided: ['timer-not-connected'] };
const DEGRADED = {
  ...CLEAN,
  quality: 'degraded' as const,
  degradedBy: ['nobody-cared'],
  directory: '/runs/d',
};

void t.test('clean captures count, with what they leave undecided; all others are listed', async (t) => {
  const tally = tallyGood([CLEAN, UNDECIDED, DEGRADED, { ...HUNG, directory: '/runs/h' }]);
  t.match(tally, {
    ...{ runs: 4, clean: 2, withUndecided: 1 },
    verdicts: { 'captured clean': 2, 'captured degraded': 1, 'crash-path-hang': 1 },
    ...{ undecided: { 'timer-not-connected': 1 }, degradedBy: { 'nobody-cared': 1 } },
  });
  t.strictSame(goodText(tally).split('\n'), [
    '2 of 4 runs are clean captures; 1 of them leave something undecided',
    'verdicts: captured clean 2, captured degraded 1, crash-path-hang 1',
    'degraded by: nobody-cared 1',
    'undecided: timer-not-connected 1',
    'NOT CLEAN captured/nonce-verified nobody-cared: /runs/d',
    'NOT CLEAN crash-path-hang/all-vcpus-halted: /runs/h',
  ]);
});
