import { endingOf } from '../classify/terminal.js';
import type { RunEvent } from '../model/event.js';
import { ANSWERS } from '../timeline/control.js';

/** What {@link RunEnding} needs of the run. */
export interface EndedRun {
  readonly ended: string | undefined;
  end(why: string): void;
  /** Calls `act` after so much of the guest's own time, and while the guest makes progress later; see RunWatch. */
  afterOwn(
    limitMs: number,
    act: () => void,
    options: { readonly whileProgress?: boolean | undefined },
  ): () => void;
}

/** Which event ends a run, at once or after a grace that later events may end. */
export class RunEnding {
  readonly #run: EndedRun;
  /** The first terminal event, while its grace lasts. */
  #ending: { readonly by: RunEvent; readonly cancel: () => void } | undefined;
  #booted = false;
  #fired = false;

  constructor(run: EndedRun) {
    this.#run = run;
  }

  /** What an event says about those before it. To be called before the run's waits see it. */
  note(event: RunEvent): void {
    if (event.type === 'firing' || (event.type === 'host' && event.fact.fact === 'fired')) this.#fire();
    else if (ANSWERS.has(event.type)) this.#answer();
    else if (event.type === 'woken') this.#cancelIf((by) => by.type === 'suspended');
  }

  /** Ends the run, or begins its grace, when the event is terminal. */
  consider(event: RunEvent): void {
    const ending = endingOf(event, { booted: this.#booted, fired: this.#fired });
    if (ending === undefined || this.#run.ended !== undefined) return;
    const why = event.type === 'host' ? event.fact.fact : event.type;
    if (ending.afterMs === 0) return this.#run.end(why);
    const end = () => this.#run.end(why);
    const whileProgress = ending.unlessProgress;
    this.#ending ??= { by: event, cancel: this.#run.afterOwn(ending.afterMs, end, { whileProgress }) };
  }

  /** The run has ended: no grace is left. */
  cancel(): void {
    this.#ending?.cancel();
  }

  /** The panic may arrive before the announcement, as they use two channels. Then it counts as the requested one. */
  #fire(): void {
    this.#fired = true;
    this.#panicIsNone();
  }

  #answer(): void {
    this.#booted = true;
    this.#panicIsNone();
  }

  /** A guest that answers after the line of an end did not end: anybody can print that line. */
  #panicIsNone(): void {
    this.#cancelIf((by) => (by.type === 'panic' || by.type === 'panic-ended') && by.side === 'production');
  }

  #cancelIf(isCancelled: (by: RunEvent) => boolean): void {
    if (this.#ending === undefined || !isCancelled(this.#ending.by)) return;
    this.#ending.cancel();
    this.#ending = undefined;
  }
}
