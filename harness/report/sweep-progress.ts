import type { RunResult } from '../model/result.js';
import { outcomeOf } from '../sweep/outcome.js';
import { sweptFor } from '../sweep/swept-run.js';
import { roughly, safeName, seconds } from './words.js';

/** Runs of a sweep: those that have ended, and how many there will be, as far as that is known. */
export class SweepPace {
  #ended: number;
  #total: number;
  #isExact = false;
  #measured = 0;
  #sumMs = 0;
  readonly #jobs: number;

  /** `ended`: runs of an earlier part; `typical`: how many a sweep has. */
  constructor({ ended, typical, jobs }: { ended: number; typical: number; jobs: number }) {
    this.#ended = ended;
    this.#total = typical;
    this.#jobs = Math.max(1, jobs);
  }

  /** Some runs are known to be left; `more`: others may follow them. */
  plan({ left, more }: { readonly left: number; readonly more: boolean }): void {
    this.#isExact = !more;
    this.#total = this.#ended + left;
  }

  /** A run has ended; its length tells about the others. */
  end({ durationMs }: Pick<RunResult, 'durationMs'>): void {
    this.#ended += 1;
    this.#measured += 1;
    this.#sumMs += durationMs;
  }

  /** `run 12 of about 35, about 5 min left`; for the run that is under way, or that has just ended. */
  text(): string {
    const about = this.#isExact ? '' : 'about ';
    const left = Math.max(0, this.#total - this.#ended);
    const head = `run ${this.#ended}${this.#ended > this.#total ? '' : ` of ${about}${this.#total}`}`;
    if (this.#measured === 0 || left === 0) return head;
    return `${head}, about ${roughly((left * this.#sumMs) / this.#measured / this.#jobs)} left`;
  }
}

/**
 * One line at the end of a sweep's run, without a newline: the scenario and its end in the words of maps; the run's name
 * where the end is no capture. What of a capture is not judged, and what a scenario expects, is none of a map's business.
 */
export function sweptLine(result: RunResult): string {
  const { text, end } = outcomeOf(result, undefined);
  const isControl = sweptFor(result.scenario) === 'control';
  const what = isControl && end !== 'captured' && end !== 'unknown' ? `${text}, and no lock was held` : text;
  const name = end === 'captured' ? '' : `  ${safeName(result.runId)}`;
  return `${safeName(result.scenario)}  ${safeName(what)}  ${seconds(result.durationMs)}${startWord(result)}${name}`;
}

function startWord({ clone }: RunResult): string {
  return clone !== undefined && 'template' in clone ? ' (a clone)' : '';
}
