import t from 'tap';
import { PHASES } from '../model/phase.js';
import { phaseLadder } from './phase-ladder.js';
import { reportFixtures } from '../testing/recordings/reported-run.js';

const { captured: CAPTURED, hung: HUNG } = reportFixtures();

void t.test('a real captured run reaches every rung', async (t) => {
  const { rungs, segments, last, tailMs } = phaseLadder(CAPTURED);
  t.same(
    rungs.map(({ phase }) => phase),
    PHASES,
  );
  t.same(
    rungs.flatMap((rung) => (rung.status === 'implied' ? [rung.phase] : [])),
    ['irqchips-quiesced', 'kexec-jump'],
  );
  t.same(
    rungs.map((rung) => (rung.status === 'not-reached' ? undefined : Math.round(rung.sincePreviousMs))),
    [6077, 1865, 50, 19, 11, 126, 0, 0, 0, 4505, 2049, 569],
  );
  t.equal(last?.phase, 'vmcore-verified');
  t.equal(Math.round(tailMs), 1311);
  t.equal(segments.length, 13);
  t.equal(segments.at(-1)?.kind, 'tail');
  t.ok(Math.abs(segments.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
});

void t.test('a hang is the tail after the last reached rung', async (t) => {
  const { rungs, segments, last, tailMs } = phaseLadder(HUNG);
  t.equal(last?.phase, 'cpus-shot-down');
  t.equal(Math.round(tailMs), 4552);
  t.equal(rungs.filter(({ status }) => status === 'not-reached').length, 6);
  t.equal(segments.length, 7);
});

void t.test('the three parts of a run', async (t) => {
  const parts = phaseLadder(CAPTURED).rungs.map(({ part }) => part);
  t.same(parts, [
    ...['first', 'first', 'first', 'first'],
    ...['crash', 'crash', 'crash', 'crash', 'crash'],
    ...['capture', 'capture', 'capture'],
  ]);
});

void t.test('no phases: only a tail', async (t) => {
  const { rungs, segments, last } = phaseLadder({ phases: [], durationMs: 300 });
  t.equal(rungs.length, 12);
  t.ok(rungs.every(({ status }) => status === 'not-reached'));
  t.same(segments, [{ kind: 'tail', lengthMs: 300, share: 1 }]);
  t.equal(last, undefined);
});

void t.test('equal times give shares of 0, no division by 0', async (t) => {
  const { segments } = phaseLadder({
    phases: [
      { phase: 'boot', atMs: 0, how: 'observed' },
      { phase: 'armed', atMs: 0, how: 'observed' },
    ],
    durationMs: 0,
  });
  t.same(
    segments.map(({ lengthMs, share }) => [lengthMs, share]),
    [
      [0, 0],
      [0, 0],
    ],
  );
});

void t.test(
  'a rung that was seen before the one below it: a negative step, a segment of no length',
  async (t) => {
    const { rungs, segments } = phaseLadder({
      phases: [
        { phase: 'boot', atMs: 100, how: 'observed' },
        { phase: 'armed', atMs: 60, how: 'observed' },
        { phase: 'fired', atMs: 150, how: 'observed' },
      ],
      durationMs: 150,
    });
    t.same(
      rungs.flatMap((rung) => (rung.status === 'not-reached' ? [] : [rung.sincePreviousMs])),
      [100, -40, 90],
    );
    t.same(
      segments.map(({ lengthMs }) => lengthMs),
      [100, 0, 50],
    );
  },
);
