import type { Bench, ContenderSummary } from './summary.js';
import type { Letter } from './contenders.js';

type Goal = Bench['goals'][number];

/** The goals beside what was measured; medians. A goal whose contender did not run is neither met nor missed. Pure. */
export function goalsOf({ contenders, hang }: Pick<Bench, 'contenders' | 'hang'>): Goal[] {
  const of = (letter: Letter): ContenderSummary | undefined =>
    contenders.find((one) => one.letter === letter);
  const captureOf = (letter: Letter) => of(letter)?.capture;
  const clones = of('c');
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);
  return [
    goal('captures of clones per core', {
      ...{ bound: 'at least', limit: 3, unit: 'x the loop (CPU)' },
      measured: captureOf('c')?.ratio.cpu?.median,
    }),
    goal('CPU time of a clone', {
      ...{ bound: 'at most', limit: 1.3, unit: 'x the floor' },
      measured: captureOf('c')?.ofFloor?.median,
    }),
    goal('captures of fresh runs per core', {
      ...{ bound: 'at least', limit: 1, unit: 'x the loop (CPU)' },
      measured: captureOf('b')?.ratio.cpu?.median,
    }),
    goal('captures of fresh runs per hour', {
      ...{ bound: 'at least', limit: 1, unit: 'x the loop (wall)' },
      measured: captureOf('b')?.ratio.wall?.median,
    }),
    goal('clone until it runs', {
      ...{ bound: 'at most', limit: 0.3, unit: 's' },
      measured: seconds(clones?.toRunningMs?.median),
    }),
    goal("harness's CPU time for a clone", {
      ...{ bound: 'at most', limit: 3, unit: "% of its guest's" },
      measured: percent(captureOf('c')?.harnessShare.median),
    }),
    goal('memory of an armed clone (PSS)', {
      ...{ bound: 'at most', limit: 80, unit: 'MB' },
      measured: megabytes(clones?.memory.armed.pssKiB?.median),
    }),
    goal('panic to the proof of a hang', {
      ...{ bound: 'at most', limit: (hang?.loopTimeoutMs ?? 60_000) / 1000, unit: "s, the loop's timeout" },
      measured: seconds(hang?.provedMs.median),
    }),
  ];
}

function goal(
  what: string,
  {
    measured = null,
    ...rest
  }: Pick<Goal, 'bound' | 'limit' | 'unit'> & { measured: number | null | undefined },
): Goal {
  const isMet = (value: number) => (rest.bound === 'at least' ? value >= rest.limit : value <= rest.limit);
  return { goal: what, ...rest, measured, met: measured === null ? null : isMet(measured) };
}

function percent(share: number | undefined): number | undefined {
  return share === undefined ? undefined : share * 100;
}

/** 10^6 bytes. */
function megabytes(kib: number | undefined): number | undefined {
  return kib === undefined ? undefined : (kib * 1024) / 1e6;
}
