import { type GdbCallOptions, type Limits, startLimits } from './limits.js';
import type { Link } from './link.js';
import type { GdbStop } from './stop-log.js';
import { select, type Target, threadOf, vcpusOf } from './target.js';
import { formatThreadId } from './thread-id.js';
import type { Turns } from './turns.js';

/** Which vCPUs run: resuming, stepping, interrupting. */
export class RunControl {
  readonly #link: Link;
  readonly #target: Target;
  readonly #turns: Turns;
  /** The vCPUs that the latest resume let run. */
  #released: ReadonlySet<number> = new Set();

  constructor(link: Link, target: Target, turns: Turns) {
    this.#link = link;
    this.#target = target;
    this.#turns = turns;
  }

  /** The vCPUs that run now. */
  get running(): readonly number[] {
    return this.#link.resumed ? vcpusOf(this.#target).filter((vcpu) => this.#released.has(vcpu)) : [];
  }

  /** Lets these vCPUs continue (`c`) or execute one instruction (`s`). */
  async resume(action: 'c' | 's', vcpus: readonly number[], options: GdbCallOptions): Promise<void> {
    const [first] = vcpus;
    if (first === undefined) throw new RangeError('cannot resume no vCPU: name at least one');
    const limits = this.#limits(
      `${action === 's' ? 'step' : 'continue'} vCPU "${vcpus.join(', ')}"`,
      options,
    );
    await this.#turns.take(limits, async () => {
      const threads = vcpus.map((vcpu) => threadOf(this.#target, vcpu));
      // QEMU ends single-stepping only on the vCPU that is current for control (gdb_vm_state_change): without this,
      // single-stepping would stay on after an interrupted step.
      await select(this.#link, { purpose: 'c', thread: threadOf(this.#target, first) }, limits);
      this.#released = new Set(vcpus);
      const actions = threads.map((thread) => `;${action}:${formatThreadId(thread)}`);
      await this.#link.resume(`vCont${actions.join('')}`, limits);
    });
  }

  /** One instruction on one vCPU; the stop after it. */
  async step(vcpu: number, options: GdbCallOptions): Promise<GdbStop> {
    const limits = this.#limits(`step vCPU "${vcpu}"`, options);
    await this.resume('s', [vcpu], options);
    return this.#link.waitForStop(limits);
  }

  /** Stops a running guest and returns the stop; `undefined` when it is stopped already. */
  async interrupt(options: GdbCallOptions): Promise<GdbStop | undefined> {
    const limits = this.#limits('interrupt the guest', options);
    limits.signal?.throwIfAborted();
    if (!this.#link.resumed) return undefined;
    this.#link.sendInterrupt();
    return this.#link.waitForStop(limits);
  }

  /** The stop that ends the latest resume. */
  async waitForStop(options: GdbCallOptions): Promise<GdbStop> {
    return this.#link.waitForStop(this.#limits('wait for a stop', options));
  }

  /** The guest was resumed or stopped through QMP. */
  noteState(state: 'running' | 'stopped'): void {
    this.#link.noteState(state);
    if (state === 'running') this.#released = new Set(vcpusOf(this.#target));
  }

  #limits(what: string, options: GdbCallOptions): Limits {
    return startLimits(what, options, this.#target.deadlineMs);
  }
}
