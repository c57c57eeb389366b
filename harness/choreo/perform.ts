import { readRegisters } from '../hmp/registers.js';
import { type Step, verbOf } from '../plan/choreography.js';
import { messageName } from '../model/interrupt.js';
import { proveState } from '../proof/proofs.js';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import { argumentsOf, directCall, directPanic, restoreAfterCall } from './directed-call.js';
import { readIdt } from './idt.js';
import { lookAt, lookAtAll } from './look.js';
import { overCall } from './over-call.js';
import { type CodePlace, findPlace } from './places.js';
import { NotReached, type Stage } from './stage.js';
import { walk } from './walk.js';
import { stoppedWitness } from './witness.js';

const WITHIN_MS = 30_000;
/** A trace goes from the panic to the capture kernel's start: seconds of stepping, and all of its decompression. */
const TRACE_WITHIN_MS = 240_000;

/**
 * Performs a script on a stopped guest, step by step; each step and what it saw is recorded. Throws NotReached when a
 * step's state is not reached or a proof is not given: then nothing may be said about the kernel. When it returns,
 * the vCPUs that were let go run.
 */
export async function perform(steps: readonly Step[], stage: Stage): Promise<void> {
  const performer = new Performer(stage);
  for (const [index, step] of steps.entries()) {
    const startedMs = performance.now();
    try {
      const saw = await performer.do(step);
      stage.fact({ fact: 'step', index: index + 1, verb: verbOf(step), saw, tookMs: since(startedMs) });
    } catch (error) {
      if (error instanceof NotReached) {
        stage.fact({
          fact: 'step',
          index: index + 1,
          verb: verbOf(step),
          saw: error.saw,
          tookMs: since(startedMs),
        });
        stage.fact({
          fact: 'proof',
          what: `step ${index + 1}: ${error.what}`,
          proved: false,
          saw: error.saw,
        });
      }
      throw error;
    }
  }
  await performer.letGo();
}

function since(startedMs: number): number {
  return Math.round(performance.now() - startedMs);
}

class Performer {
  /** vCPUs that stand still until they are released. */
  readonly #held = new Set<number>();
  readonly #stage: Stage;
  readonly #roles = new Map<string, number>();
  #free = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Does one step; returns what was seen, one line. */
  async do(step: Step): Promise<string> {
    // The run has started it: the guest's shell must be able to run for that.
    if ('stimulate' in step) return 'started before the vCPUs were stopped';
    await this.#stop();
    if ('hold' in step) return this.#hold(step.hold);
    if ('run' in step) return this.#run(step.run);
    if ('trace' in step) return this.#trace(step.trace);
    if ('prove' in step) {
      const witness = stoppedWitness(this.#stage, (role) => this.#vcpuOf(role));
      const { what, proved, saw } = await proveState(step.prove, witness);
      if (!proved) throw new NotReached(what, saw);
      this.#stage.fact({ fact: 'proof', what, proved, saw });
      return saw;
    }
    if ('call' in step) return this.#call(step.call);
    if ('fire' in step) return this.#fire(step.fire);
    if ('interrupt' in step) return this.#interrupt(step.interrupt);
    if (step.release === 'all') {
      this.#held.clear();
      await this.#stage.gdb.continueAll();
      this.#free = true;
      return 'all vCPUs run';
    }
    this.#held.delete(this.#vcpuOf(step.release));
    return `${step.release} will run`;
  }

  /** The vCPU stands: what it is sent is pending, and taken when it runs next. */
  async #interrupt(message: Extract<Step, { interrupt: unknown }>['interrupt']): Promise<string> {
    const vcpu = this.#vcpuOf(message.role);
    const apicId = await this.#stage.interrupt(vcpu, message);
    return `${messageName(message)} to APIC ${apicId}; ${await lookAt(vcpu, this.#stage)}`;
  }

  /** Lets all vCPUs run that are not held. */
  async letGo(): Promise<void> {
    if (this.#free) return;
    await this.#stage.gdb.continueVcpus(this.#notHeld());
    this.#free = true;
  }

  async #stop(): Promise<void> {
    if (!this.#free) return;
    await this.#stage.gdb.interrupt();
    this.#free = false;
  }

  #vcpuOf(role: string): number {
    const vcpu = this.#roles.get(role);
    if (vcpu === undefined) throw new Error(`role "${role}" is not bound: the plan should have been refused`);
    return vcpu;
  }

  #notHeld(): number[] {
    return this.#stage.gdb.vcpus.filter((vcpu) => !this.#held.has(vcpu));
  }

  #deadlineMs(withinMs = WITHIN_MS): number {
    return withinMs * this.#stage.deadlineScale;
  }

  #chosen(on: number | 'turn' | undefined): number | undefined {
    const { vcpus } = this.#stage.gdb;
    if (on !== 'turn') return on;
    return vcpus[(this.#stage.trial - 1) % vcpus.length];
  }

  async #hold(hold: Extract<Step, { hold: unknown }>['hold']): Promise<string> {
    const vcpu = await this.#runTo(await findPlace(hold.at, this.#stage), {
      running: this.#notHeld(),
      wanted: this.#chosen(hold.on),
      withinMs: this.#deadlineMs(hold.withinMs),
    });
    this.#roles.set(hold.as, vcpu);
    this.#held.add(vcpu);
    return lookAt(vcpu, this.#stage);
  }

  async #run(run: Extract<Step, { run: unknown }>['run']): Promise<string> {
    const bound = this.#roles.get(run.as) ?? this.#chosen(run.on);
    const taken = new Set(this.#roles.values());
    const vcpu = bound ?? this.#notHeld().find((candidate) => !taken.has(candidate));
    if (vcpu === undefined || (this.#roles.get(run.as) === undefined && taken.has(vcpu))) {
      throw new NotReached(`find a vCPU for role ${run.as}`, `roles have ${[...taken].join(', ')}`);
    }
    this.#roles.set(run.as, vcpu);
    this.#held.add(vcpu);
    if (run.forMs !== undefined) {
      await this.#runAlone(vcpu, run.forMs);
    } else if (run.to !== undefined) {
      // A place that does not exist is a mistake in the script; `orElse` is for one that is not reached.
      const place = await findPlace(run.to, this.#stage);
      try {
        await this.#runTo(place, {
          running: [vcpu],
          wanted: vcpu,
          withinMs: this.#deadlineMs(run.withinMs),
        });
      } catch (error) {
        // It may spin with interrupts off on a lock that a held vCPU has: then it is taken where it stands.
        if (!(error instanceof NotReached && run.orElse === 'stay')) throw error;
      }
    }
    if (run.thenOver !== undefined) await overCall(vcpu, this.#stage, this.#deadlineMs(run.withinMs));
    for (let step = 0; step < (run.thenStep ?? 0); step += 1) {
      const { reason } = await this.#stage.gdb.step(vcpu);
      if (reason.kind !== 'trap')
        throw new NotReached(`step ${step + 1} instructions`, `the guest stopped: ${reason.kind}`);
    }
    return run.idt === undefined ? lookAt(vcpu, this.#stage) : this.#requireIdt(vcpu, run.idt);
  }

  async #requireIdt(vcpu: number, wanted: string): Promise<string> {
    const registers = readRegisters(await this.#stage.monitor('info registers -a'));
    const idt = await readIdt(registers, vcpu, this.#stage.gdb);
    const has = idt === undefined ? 'unknown' : `${idt.base}/${idt.limit}`;
    const saw = `${await lookAt(vcpu, this.#stage)} IDT=${has}`;
    if (has !== wanted) throw new NotReached(`find the IDT ${wanted} there`, saw);
    return saw;
  }

  async #trace({
    role,
    into,
    from,
    most,
    withinMs,
  }: Extract<Step, { trace: unknown }>['trace']): Promise<string> {
    const vcpu = this.#vcpuOf(role);
    const count = await walk(vcpu, this.#stage, {
      into: new Set(into),
      from: new Set(from.map(BigInt)),
      most,
      withinMs: this.#deadlineMs(withinMs ?? TRACE_WITHIN_MS),
    });
    return `${count} instructions; ${await lookAt(vcpu, this.#stage)}`;
  }

  async #call(call: Extract<Step, { call: unknown }>['call']): Promise<string> {
    const vcpu = this.#vcpuOf(call.role);
    const laid = await directCall(vcpu, { function: call.function, args: argumentsOf(call) }, this.#stage);
    if (call.returns === 'never') return `${laid.words}: ${await lookAt(vcpu, this.#stage)}`;
    const { rip, rsp } = laid.before;
    const { gdb } = this.#stage;
    await this.#runTo(
      { address: rip, name: `the return of ${laid.target.name}` },
      {
        running: [vcpu],
        wanted: vcpu,
        withinMs: call.withinMs ?? WITHIN_MS,
        // An interrupt meanwhile may come by the same instruction: only the call's own return has its stack.
        accept: async () => (await gdb.readRegisters(vcpu)).rsp === rsp,
      },
    );
    const { rax } = await gdb.readRegisters(vcpu);
    await restoreAfterCall(vcpu, laid, this.#stage);
    return `${laid.words} returned 0x${rax.toString(16)}; ${await lookAt(vcpu, this.#stage)}`;
  }

  async #fire(fire: Extract<Step, { fire: unknown }>['fire']): Promise<string> {
    const vcpu = this.#vcpuOf(fire.role);
    const where = await lookAt(vcpu, this.#stage);
    await this.#stage.firing();
    if (fire.call !== undefined) {
      const args = argumentsOf(fire.call);
      const { words } = await directCall(vcpu, { function: fire.call.function, args }, this.#stage);
      this.#stage.fact({ fact: 'fired', how: `directed call of ${words} by ${where}` });
    } else if (fire.itself === true) {
      this.#stage.fact({ fact: 'fired', how: `${where}, on its own way` });
    } else {
      await directPanic(vcpu, this.#stage);
    }
    if (fire.aloneMs > 0) await this.#runAlone(vcpu, fire.aloneMs);
    return lookAtAll(this.#stage);
  }

  async #runAlone(vcpu: number, forMs: number): Promise<void> {
    const { gdb } = this.#stage;
    await gdb.continueVcpus([vcpu]);
    try {
      await gdb.waitForStop({ deadlineMs: forMs });
    } catch (error) {
      if (!(error instanceof GdbTimeoutError)) throw error;
    }
    await gdb.interrupt();
  }

  /** Runs vCPUs until one (the wanted one, if any is) is about to execute the place; returns it, all stopped. */
  async #runTo(
    place: CodePlace,
    {
      running,
      wanted,
      withinMs,
      accept = async () => true,
    }: {
      running: readonly number[];
      wanted: number | undefined;
      withinMs: number;
      accept?: () => Promise<boolean>;
    },
  ): Promise<number> {
    const { gdb } = this.#stage;
    const untilMs = performance.now() + withinMs;
    await gdb.setBreakpoint(place.address, 'hardware');
    try {
      for (;;) {
        await gdb.continueVcpus(running);
        const { vcpu } = await gdb.waitForStop({ deadlineMs: Math.max(1, untilMs - performance.now()) });
        const at = vcpu === undefined ? undefined : (await gdb.readRegisters(vcpu)).rip;
        if (vcpu !== undefined && at === place.address) {
          if ((wanted === undefined || wanted === vcpu) && (await accept())) return vcpu;
          // Another vCPU came first, or this one on another errand: take it over the breakpoint by one instruction.
          await gdb.removeBreakpoint(place.address, 'hardware');
          await gdb.step(vcpu);
          await gdb.setBreakpoint(place.address, 'hardware');
        }
        if (performance.now() > untilMs) throw new GdbDeadline();
      }
    } catch (error) {
      if (!(error instanceof GdbTimeoutError || error instanceof GdbDeadline)) throw error;
      await gdb.interrupt();
      throw new NotReached(`reach ${place.name} within ${withinMs} ms`, await lookAtAll(this.#stage));
    } finally {
      await gdb.interrupt().catch(() => undefined);
      await gdb.removeBreakpoint(place.address, 'hardware').catch(() => undefined);
    }
  }
}

/** The time for a place is up although vCPUs kept stopping elsewhere. */
class GdbDeadline extends Error {}
