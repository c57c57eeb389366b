import t from 'tap';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { SweepPace, sweptLine } from './sweep-progress.js';

const { captured, hung } = reportFixtures();

t.test('a line has the end in the words of the map, and the name of a run without a capture', async (t) => {
  const held = { scenario: 'crash-locks-000-itself', clone: { template: 'templates/001', tookMs: 1 } };
  t.equal(
    sweptLine({ ...hung, ...held, durationMs: 4800 }),
    'crash-locks-000-itself  hang: all-vcpus-halted  4.8 s (a clone)  r2',
  );
  const line = sweptLine({
    ...captured,
    ...{ scenario: 'crash-locks-001-itself', undecided: ['vmcore-whole'], durationMs: 4800 },
    clone: { booted: 'control' },
  });
  t.equal(line, 'crash-locks-001-itself  captured  4.8 s', 'no control, nothing that is not judged');
  t.match(
    sweptLine({ ...hung, scenario: 'crash-locks-record-1' }),
    'crash-locks-record-1  hang: all-vcpus-halted, and no lock was held',
  );
  const lost = { verdict: 'void', detail: 'state-not-proved', outcome: 'inconclusive' } as const;
  t.match(sweptLine({ ...hung, ...held, ...lost }), 'unknown: void (state-not-proved)');
});

t.test('how many runs, and how long they take, as far as that is known', async (t) => {
  const pace = new SweepPace({ ended: 0, typical: 38, jobs: 1 });
  t.equal(pace.text(), 'run 0 of about 38', 'nothing is measured');
  for (let run = 0; run < 18; run += 1) pace.end({ durationMs: 10_000 });
  t.equal(pace.text(), 'run 18 of about 38, about 3 min left');
  pace.plan({ left: 16, more: true });
  t.equal(pace.text(), 'run 18 of about 34, about 3 min left');
  pace.plan({ left: 2, more: false });
  pace.end({ durationMs: 10_000 });
  t.equal(pace.text(), 'run 19 of 20, about 10 s left');
  pace.end({ durationMs: 10_000 });
  pace.end({ durationMs: 10_000 });
  t.equal(pace.text(), 'run 21', 'more than were known');
  const resumed = new SweepPace({ ended: 23, typical: 38, jobs: 2 });
  resumed.plan({ left: 11, more: true });
  resumed.end({ durationMs: 10_000 });
  t.equal(resumed.text(), 'run 24 of about 34, about 50 s left', 'numbers go on; two at a time');
});
