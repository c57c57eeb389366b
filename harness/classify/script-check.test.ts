import t from 'tap';
import type { RunRecord } from '../model/record.js';
import { readFixture, verdictOf } from '../testing/recordings/fixtures.js';

const isStep = (record: RunRecord) => record.kind === 'host' && record.record.fact === 'step';

void t.test('a capture before the end of the script is void, whichever step was waiting', async (t) => {
  const { plan, records } = await readFixture('captured-screaming-nic');
  const steps = records.filter(isStep);
  t.equal(steps.length, 7);
  t.match(verdictOf(records, plan), { word: 'captured' }, 'all steps were done');
  for (const [done, verb] of [
    [6, 'release'],
    [0, 'stimulate|hold|run'],
  ] as const) {
    const cut = new Set(steps.slice(done));
    const verdict = verdictOf(
      records.filter((record) => !cut.has(record)),
      plan,
    );
    t.match(verdict, { word: 'void', detail: 'state-not-proved' });
    t.match(
      verdict.explanation,
      new RegExp(`captured before step ${done + 1} of 7 \\((${verb})\\) was done`),
    );
  }
});

void t.test('a guest that died in the middle of the script has failed all the same', async (t) => {
  const { plan, records } = await readFixture('crash-path-reset-nmi');
  const last = records.findLast(isStep);
  const cut = records.filter((record) => record !== last);
  t.match(verdictOf(cut, plan), { word: 'crash-path-reset', detail: 'reset-before-jump' });
});
