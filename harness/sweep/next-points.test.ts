import t from 'tap';
import { seededRandom } from '../testing/randomness.js';
import { madeTrace } from '../testing/builders/instruction-trace.js';
import { gaps, landmarks, nextPoints } from './next-points.js';
import type { EndWord } from '../model/verdict.js';

/** Another seed makes other traces: CRASHPATH_SEED=n. */
const SEED = Number(process.env['CRASHPATH_SEED'] ?? 20_260_101);
t.comment(`seed ${SEED}`);

/** Sweeps a made trace to its end; `ends` is the truth. */
function sweep(
  trace: ReturnType<typeof madeTrace>,
  ends: (index: number) => EndWord,
): { known: Map<number, EndWord>; rounds: number } {
  const known = new Map<number, EndWord>();
  for (let rounds = 0; rounds < 200; rounds += 1) {
    const next = nextPoints(trace, known);
    if (next.length === 0) return { known, rounds };
    for (const index of next) {
      if (known.has(index)) throw new Error(`point ${index} is asked for twice`);
      known.set(index, ends(index));
    }
  }
  throw new Error('the sweep does not end');
}

void t.test('every change between landmarks that differ is found, whatever the outcomes', async (t) => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 200; round += 1) {
    const trace = madeTrace(2 + random.below(900), { groupLength: 1 + random.below(120) });
    const edges = Array.from({ length: random.below(6) }, () => random.below(trace.length)).sort(
      (a, b) => a - b,
    );
    const words = ['captured', 'reset', 'hang'] as const;
    const ends = (index: number): EndWord =>
      words[edges.filter((edge) => edge <= index).length % words.length] ?? 'other';
    const { known } = sweep(trace, ends);
    for (const [before, after] of gaps(known)) {
      if (after !== before + 1) t.fail(`a change is left open between ${before} and ${after}`);
    }
    for (const mark of landmarks(trace)) if (!known.has(mark)) t.fail(`landmark ${mark} was not tried`);
  }
  t.pass('200 traces');
});

void t.test('one change costs a logarithm, not the whole trace', async (t) => {
  for (const edge of [1, 7, 500, 998, 999]) {
    const trace = madeTrace(1000, { groupLength: 1000 });
    const { known } = sweep(trace, (index) => (index < edge ? 'captured' : 'reset'));
    t.ok(known.has(edge) && known.has(edge - 1), `the edge at ${edge} is between two instructions`);
    t.ok(known.size <= 16, `${known.size} points`);
  }
});

void t.test(
  'where the IDT loses its gate both sides are tried at once, and nothing else is needed',
  async (t) => {
    const trace = madeTrace(1000, { groupLength: 250, hasGate: (index) => index < 333 || index >= 700 });
    t.strictSame(landmarks(trace), [0, 999, 332, 333, 699, 700, 250, 500, 750]);
    const { known, rounds } = sweep(trace, (index) => (index < 333 || index >= 700 ? 'captured' : 'reset'));
    t.equal(rounds, 1);
    t.strictSame(gaps(known), [
      [332, 333],
      [699, 700],
    ]);
  },
);

void t.test(
  'a window that only the gates betray is found although its neighbours were captured',
  async (t) => {
    const trace = madeTrace(400, { groupLength: 100, hasGate: (index) => index !== 150 });
    const { known } = sweep(trace, (index) => (index === 150 ? 'reset' : 'captured'));
    t.equal(known.get(150), 'reset');
    t.strictSame(gaps(known), [
      [149, 150],
      [150, 151],
    ]);
  },
);

void t.test(
  'a gate that is not there does not make an outcome: the change is followed where it is',
  async (t) => {
    const trace = madeTrace(400, { groupLength: 100, hasGate: (index) => index < 120 });
    const { known } = sweep(trace, (index) => (index < 237 ? 'captured' : 'reset'));
    t.strictSame(gaps(known), [[236, 237]]);
  },
);

void t.test('what stays unknown is skipped, and never counts as a change', async (t) => {
  const trace = madeTrace(200, { groupLength: 200 });
  const { known } = sweep(trace, (index) =>
    index > 80 && index < 120 ? 'unknown' : index < 100 ? 'captured' : 'reset',
  );
  t.strictSame(gaps(known), [[80, 120]], 'as close as can be established');
  t.strictSame(
    gaps(
      new Map([
        [0, 'captured'],
        [1, 'unknown'],
        [2, 'captured'],
      ]),
    ),
    [],
  );
});

void t.test('nothing to sweep is nothing to do', async (t) => {
  t.strictSame(nextPoints([], new Map()), []);
  t.strictSame(nextPoints(madeTrace(1), new Map()), [0]);
});

void t.test('a function of a few instructions is no landmark, however often it is called', async (t) => {
  t.strictSame(landmarks(madeTrace(64, { groupLength: 8 })), [0, 63, 8, 16, 24, 32, 40, 48, 56]);
  t.strictSame(landmarks(madeTrace(64, { groupLength: 7 })), [0, 63]);
  const trace = madeTrace(40, { groupLength: 4 }).map((point) =>
    point.index % 8 < 4 ? point : { ...point, group: 'thunk' },
  );
  t.strictSame(landmarks(trace), [0, 39, 4], 'all of its points together count');
});
