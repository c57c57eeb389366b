import type { Outcome } from '../../model/verdict.js';

/** Lines of one console that a page of few runs shows: a stock kernel prints some 450. */
const MOST = 2000;
/** Lines of all consoles together that keep a page below some 10 MB. */
const TOGETHER = 400_000;
/** A run that went as expected has so many lines at least, any other run four times as many. */
const LEAST = 60;
const WEIGHT = 4;

/** Lines of each console that the page of so many runs shows of a run: more of those that did not go as expected. */
export function consoleLines(runs: number, outcome: Outcome): number {
  const share = Math.max(LEAST, Math.floor(TOGETHER / 2 / Math.max(1, runs)));
  return Math.min(MOST, outcome === 'expected' ? share : share * WEIGHT);
}
