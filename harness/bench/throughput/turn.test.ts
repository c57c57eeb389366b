import t from 'tap';
import { captureCost, cloneCosts, type SeenRun, type TakenTurn } from './turn.js';

const NOTHING = {
  costs: { phases: [], toRunningMs: null, hangProvedMs: null, panicAtMs: null },
  memory: { armed: null, captured: null },
  isExpected: true,
  verdict: 'captured/nonce-verified-clean',
};

/** A run from its beginning to its end: seconds, node's CPU seconds, its reaped children's. */
function run(
  runId: string,
  {
    isClone,
    began,
    ended,
  }: { isClone: boolean; began: [number, number, number]; ended: [number, number, number] },
): SeenRun {
  const times = ([, own, children]: [number, number, number]) => ({
    ownMs: own * 1000,
    childrenMs: children * 1000,
  });
  return {
    ...{ ...NOTHING, runId, isClone, templateMs: isClone ? 9000 : null },
    ...{ beganMs: began[0] * 1000, endedMs: ended[0] * 1000, atBegin: times(began), atEnd: times(ended) },
  };
}

/** A boot of 20 CPU-s, a template of 10, and clones of 5, 6 and 7. */
const ONE_JOB = [
  run('001', { isClone: false, began: [1, 1, 0], ended: [22, 4, 20] }),
  run('002', { isClone: true, began: [32, 5, 30], ended: [38, 6, 35] }),
  run('003', { isClone: true, began: [38, 6, 35], ended: [46, 8, 41] }),
  run('004', { isClone: true, began: [46, 8, 41], ended: [55, 9, 48] }),
];

function turn(letter: TakenTurn['letter'], runs: readonly SeenRun[]): TakenTurn {
  return {
    ...{ letter, round: 1, wallMs: 56_000, cpuMs: 60_000, nodeMs: 12_000, peakKiB: 1, cycle: null },
    runs,
  };
}

void t.test("a clone costs neither its template's boot nor the control's", (t) => {
  t.strictSame(cloneCosts(ONE_JOB), [
    { wallMs: 6000, guestMs: 5000, harnessMs: 1000 },
    { wallMs: 8000, guestMs: 6000, harnessMs: 2000 },
    { wallMs: 9000, guestMs: 7000, harnessMs: 1000 },
  ]);
  const cost = captureCost(turn('c', ONE_JOB));
  t.equal(cost?.guestMs, 6000);
  t.equal(Math.round(cost?.wallMs ?? 0), 7667);
  t.equal(captureCost(turn('c', ONE_JOB.slice(0, 1))), undefined, 'no clone ended');
  t.end();
});

void t.test('with two jobs the boot ends among the clones, and its time is none of theirs', (t) => {
  const runs = [
    run('001', { isClone: false, began: [1, 1, 0], ended: [40, 7, 35] }),
    run('002', { isClone: true, began: [15, 3, 10], ended: [30, 5, 15] }),
    run('003', { isClone: true, began: [30, 5, 15], ended: [50, 8, 41] }),
  ];
  t.strictSame(cloneCosts(runs), [
    { wallMs: 15_000, guestMs: 5000, harnessMs: 2000 },
    { wallMs: 20_000, guestMs: 6000, harnessMs: 1000 },
  ]);
  t.end();
});

void t.test('a control in the middle is left out', (t) => {
  const control = run('005', { isClone: false, began: [55, 9, 48], ended: [77, 12, 68] });
  const after = run('006', { isClone: true, began: [77, 12, 68], ended: [84, 13, 73] });
  t.strictSame(cloneCosts([...ONE_JOB, control, after]).at(-1), {
    wallMs: 7000,
    guestMs: 5000,
    harnessMs: 1000,
  });
  t.end();
});

void t.test('a single run, and a cycle of the loop, cost their whole process', (t) => {
  t.strictSame(captureCost(turn('b', ONE_JOB.slice(0, 1))), {
    wallMs: 56_000,
    guestMs: 48_000,
    harnessMs: 12_000,
  });
  const costs = { phases: [], captureBootCpuMs: null };
  const cycle = { costs, guestMs: 59_000, memory: NOTHING.memory };
  t.strictSame(captureCost({ ...turn('a', []), nodeMs: null, cycle }), {
    wallMs: 56_000,
    guestMs: 59_000,
    harnessMs: 1000,
  });
  t.equal(captureCost({ ...turn('b', []), nodeMs: null }), undefined);
  t.end();
});
