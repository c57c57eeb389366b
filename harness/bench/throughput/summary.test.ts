import t from 'tap';
import { CONTENDERS, type Letter, LETTERS } from './contenders.js';
import { goalsOf } from './goals.js';
import { type Bench, BenchSchema, floorOf, FLOOR, hangOf, spreadOf, summaryOf } from './summary.js';
import { benchText } from './text.js';
import type { SeenRun, TakenTurn } from './turn.js';

const MEMORY = { armed: { rssKiB: 90_000, pssKiB: 70_000, anonymousKiB: 30_000 }, captured: null };

/** Three rounds: the loop takes 20, 22 and 30 CPU-s, a fresh run as much as it does in 25, a clone 6. */
const LOOP_SECONDS = [20, 22, 30];

function seen({ isClone, from, until }: { isClone: boolean; from: number; until: number }): SeenRun {
  return {
    ...{
      runId: `${from}`,
      isClone,
      templateMs: isClone ? 9000 : null,
      isExpected: true,
      verdict: 'captured/x',
    },
    ...{ beganMs: from * 1000, endedMs: until * 1000, memory: MEMORY },
    atBegin: { ownMs: from * 10, childrenMs: from * 990 },
    atEnd: { ownMs: until * 10, childrenMs: until * 990 },
    costs: {
      phases: [{ phase: 'boot', wallMs: 100, cpuMs: null }],
      ...{ toRunningMs: isClone ? 200 : null, hangProvedMs: 2500, panicAtMs: 4000 },
    },
  };
}

function turnOf(letter: Letter, round: number): TakenTurn {
  const loopMs = (LOOP_SECONDS[round - 1] ?? 0) * 1000;
  const common = { letter, round, peakKiB: 150_000, nodeMs: 1000 };
  if (letter === 'a') {
    const costs = { phases: [{ phase: 'boot', wallMs: 5000, cpuMs: 5500 }] as const, captureBootCpuMs: 5000 };
    return {
      ...{ ...common, peakKiB: null, nodeMs: null, wallMs: loopMs, cpuMs: loopMs, runs: [] },
      cycle: { costs, guestMs: loopMs - 100, memory: MEMORY },
    };
  }
  if (letter === 'b' || letter === 'e') {
    return {
      ...common,
      ...{ wallMs: 25_000, cpuMs: 25_000, cycle: null },
      runs: [seen({ isClone: false, from: 1, until: 10 })],
    };
  }
  return {
    ...common,
    ...{ wallMs: 40_000, cpuMs: 36_000, cycle: null },
    runs: [
      seen({ isClone: false, from: 1, until: 20 }),
      seen({ isClone: true, from: 26, until: 32 }),
      seen({ isClone: true, from: 32, until: 38 }),
    ],
  };
}

const TURNS = [1, 2, 3].flatMap((round) => LETTERS.map((letter) => turnOf(letter, round)));

function benchOf(turns: readonly TakenTurn[]): Bench {
  const contenders = LETTERS.map((letter) => summaryOf(letter, turns, { cpus: 2 }));
  const hang = hangOf(turns, 60_000);
  return {
    ...{
      schema: 1,
      kind: 'bench',
      kernel: '6.1.0-56-amd64',
      hangKernel: 'no-zap',
      accel: 'tcg',
      qemu: '7.2.22',
    },
    host: { cpus: 2, memoryMiB: 24_000, loadBefore: 0.5 },
    ...{ rounds: 3, chosen: [], stopped: false, contenders, hang },
    floor: { cpuMs: floorOf(turns), how: FLOOR },
    goals: goalsOf({ contenders, hang }),
  };
}

void t.test('a spread has the middle and both ends', (t) => {
  t.strictSame(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3, count: 3 });
  t.equal(spreadOf([]), null);
  t.end();
});

void t.test('each turn is compared with the loop of its own round', (t) => {
  const of = (letter: Letter) => summaryOf(letter, TURNS, { cpus: 2 });
  const fresh = of('b').capture;
  t.strictSame(fresh?.ratio.cpu, { median: 22 / 25, least: 20 / 25, most: 30 / 25, count: 3 });
  t.equal(fresh?.perHour.median, 3600 / 25);
  t.equal(fresh?.perCoreHour.wall.median, 3600 / 25 / 2);
  t.equal(fresh?.perCoreHour.cpu.median, 3600 / 25);
  const clones = of('c');
  t.equal(clones.capture?.cpuMs.median, 6000);
  t.equal(clones.capture?.ratio.cpu?.median, 22 / 6);
  t.equal(clones.capture?.ofFloor?.median, 6 / 5);
  t.equal(of('d').capture?.perHour.median, (2 * 3600) / 6, 'two slots');
  t.equal(of('d').capture?.ratio.wall?.median, (2 * 22) / 6);
  t.match(clones.campaign, { runs: 3, clones: 2, cpuMs: { median: 12_000 } });
  t.equal(clones.campaign?.besideClonesMs.median, (36_000 - 12_000) / 3);
  t.equal(clones.campaign?.long?.cpuMs, 7900, 'nine clones and a fresh run');
  t.equal(clones.campaign?.long?.ratio?.toFixed(3), (22 / 7.9).toFixed(3));
  const alone = summaryOf(
    'c',
    TURNS.filter(({ letter }) => letter === 'c'),
    { cpus: 2 },
  );
  t.equal(alone.campaign?.long, null, 'what a boot costs is not known');
  t.equal(alone.capture?.ratio.cpu, null);
  t.equal(clones.toRunningMs?.count, 6, 'of clones only');
  t.equal(of('a').capture?.ratio.cpu?.median, 1);
  t.equal(of('e').capture, null, 'a hang is no capture');
  t.end();
});

void t.test('a turn that ended otherwise is named, and counts for nothing', (t) => {
  const turns = TURNS.map((turn) =>
    turn.letter === 'a' && turn.round === 2 ? { ...turn, failed: 'cycle 1: timeout' } : turn,
  );
  const loop = summaryOf('a', turns, { cpus: 2 });
  t.equal(loop.turns, 2);
  t.strictSame(loop.failed, ['round 2: cycle 1: timeout']);
  t.equal(summaryOf('b', turns, { cpus: 2 }).capture?.ratio.cpu?.count, 2);
  t.equal(floorOf(turns)?.count, 2);
  t.match(benchText(benchOf(turns)), /not counted: loop, round 2: cycle 1: timeout/);
  t.end();
});

void t.test('goals are met at their limit, missed beyond it, and not judged without a measurement', (t) => {
  const met = (bench: Bench) => bench.goals.map((goal) => goal.met);
  t.strictSame(met(benchOf(TURNS)), [true, true, false, false, true, true, true, true]);
  const { contenders, hang } = benchOf(TURNS);
  const [, , clones] = contenders;
  const capture = clones?.capture;
  if (clones === undefined || capture == null) throw new Error('no clones');
  const at = (ofFloor: number) =>
    goalsOf({
      contenders: [{ ...clones, capture: { ...capture, ofFloor: spreadOf([ofFloor]) } }],
      hang,
    })[1]?.met;
  t.equal(at(1.3), true);
  t.equal(at(1.301), false);
  t.strictSame(met(benchOf([])), Array(8).fill(null));
  t.equal(hangOf(TURNS, 60_000)?.verdictMs.median, 5000);
  t.equal(hangOf([], 60_000), null);
  t.end();
});

void t.test('--json has the declared form, also of a bench that measured nothing', (t) => {
  for (const turns of [TURNS, TURNS.slice(0, 2), []]) {
    const bench = benchOf(turns);
    t.strictSame(BenchSchema.parse(JSON.parse(JSON.stringify(bench))), bench);
  }
  t.notOk(BenchSchema.safeParse({ ...benchOf([]), schema: 2 }).success);
  t.end();
});

void t.test('the text has a column for each contender and a line for each goal', (t) => {
  t.match(
    benchText({ ...benchOf(TURNS), chosen: ['--append', 'quiet lpj=1', '--vmcore', 'mapped'] }).split(
      '\n',
    )[1],
    /^fresh runs and clones: --append 'quiet lpj=1' --vmcore mapped; the loop: without$/,
  );
  t.equal(benchText(benchOf(TURNS)).split('\n')[1], '', 'nothing was chosen');
  const text = benchText(benchOf(TURNS));
  for (const letter of ['a', 'b', 'c', 'd'] as const) t.ok(text.includes(CONTENDERS[letter].what), letter);
  t.match(
    text,
    /^ratio to the loop, by CPU time +1\.00 .* 0\.88 \(0\.80 to 1\.20\) +3\.67 \(3\.33 to 5\.00\)/m,
  );
  t.match(text, /^captures of clones per core: at least 3 x the loop \(CPU\) +3\.67 +met$/m);
  t.match(text, /^captures of fresh runs per core: at least 1 x the loop \(CPU\) +0\.88 +NOT MET$/m);
  t.match(text, /^hang: proved 2\.5 \(2\.5 to 2\.5\) s after the panic/m);
  t.match(text, /^floor: 5\.0 /m);
  t.notMatch(text, /undefined|NaN|null/);
  const nothing = benchText(benchOf([]));
  t.match(nothing, /^floor: - s/m);
  t.notMatch(nothing, /undefined|NaN|null/);
  t.end();
});
