import type { ChoreographyContext } from './context.js';

const WITHIN_MS = 30_000;

/** The vCPUs of a choreography: their roles, which are held, and whether the guest runs. */
export class Vcpus {
  readonly context: ChoreographyContext;
  /** vCPUs that do not run until they are released. */
  readonly #held = new Set<number>();
  readonly #roles = new Map<string, number>();
  #running = false;

  /** The guest is stopped, and no vCPU has a role yet. */
  constructor(context: ChoreographyContext) {
    this.context = context;
  }

  /** The vCPU of a role that an earlier step has bound. Bound to its object, because arguments are given it alone. */
  readonly of = (role: string): number => {
    const vcpu = this.#roles.get(role);
    if (vcpu === undefined) throw new Error(`role "${role}" is not bound: the plan should have been refused`);
    return vcpu;
  };

  /** The vCPU of a role, if it has one already. */
  boundTo(role: string): number | undefined {
    return this.#roles.get(role);
  }

  /** vCPUs that have a role. */
  get withRole(): ReadonlySet<number> {
    return new Set(this.#roles.values());
  }

  /** vCPUs that do not run until they are released. */
  get held(): ReadonlySet<number> {
    return new Set(this.#held);
  }

  get notHeld(): readonly number[] {
    return this.context.gdb.vcpus.filter((vcpu) => !this.#held.has(vcpu));
  }

  /** Binds a role to a vCPU, which is held from now on. */
  hold(role: string, vcpu: number): void {
    this.#roles.set(role, vcpu);
    this.#held.add(vcpu);
  }

  /** The vCPU that a step's `on` names; `turn` takes the vCPUs in turn, trial by trial. */
  chosen(on: number | 'turn' | undefined): number | undefined {
    const { gdb, trial } = this.context;
    return on === 'turn' ? gdb.vcpus[(trial - 1) % gdb.vcpus.length] : on;
  }

  /** A step's deadline in milliseconds, scaled for slow hosts. */
  deadlineMs(withinMs = WITHIN_MS): number {
    return withinMs * this.context.deadlineScale;
  }

  /** Stops the guest if it runs. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    await this.context.gdb.interrupt();
    this.#running = false;
  }

  /** Releases a role's vCPU: it runs when the others that are not held run next. */
  release(role: string): void {
    this.#held.delete(this.of(role));
  }

  /** Lets every vCPU run, held or not. */
  async releaseAll(): Promise<void> {
    this.#held.clear();
    await this.context.gdb.continueAll();
    this.#running = true;
  }

  /** Lets all vCPUs that are not held run, unless they do already. */
  async continueNotHeld(): Promise<void> {
    if (this.#running) return;
    await this.context.gdb.continueVcpus(this.notHeld);
    this.#running = true;
  }
}
