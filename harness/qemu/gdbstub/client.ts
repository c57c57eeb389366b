import {
  type Breakpoint,
  type BreakpointKind,
  BreakpointTable,
  describeBreakpoint,
  type Watch,
} from './breakpoints.js';
import type { GdbClosedError } from './errors.js';
import { type GdbCallOptions, type Limits, startLimits } from './limits.js';
import type { GuestState, Link } from './link.js';
import { readMemory, withPhysicalAddresses, writeMemory } from './memory.js';
import type { GdbObservation } from './observation.js';
import type { RegisterName, Registers } from './register-layout.js';
import { readRegisters, writeRegister } from './registers.js';
import { RunControl } from './run-control.js';
import type { GdbStop } from './stop-log.js';
import { command, select, type Target, threadOf, vcpusOf } from './target.js';
import { Turns } from './turns.js';

/** How `close` leaves the guest. */
export interface GdbCloseOptions extends GdbCallOptions {
  /**
   * `release` (default): all breakpoints gone, every vCPU running. `leave`: as it is now; QEMU keeps breakpoints and
   * a stopped guest when its gdb connection ends.
   */
  readonly guest?: 'release' | 'leave' | undefined;
}

/**
 * A stub that is connected. Every operation has a deadline, takes a signal, and throws GdbTimeoutError, GdbClosedError,
 * GdbProtocolError, GdbRemoteError (the stub refused) or the signal's reason; GdbStateError when the guest runs: any
 * byte makes QEMU's stub stop it, so only `interrupt` sends to a running guest. Overlapping operations are queued.
 */
export class GdbClient implements AsyncDisposable {
  readonly #link: Link;
  readonly #target: Target;
  readonly #inserted: BreakpointTable;
  readonly #turns = new Turns();
  readonly #control: RunControl;
  /** vCPUs whose RIP was written since they ran last. */
  readonly #moved = new Set<number>();

  /** Use `connectGdb`. */
  constructor(link: Link, target: Target) {
    this.#link = link;
    this.#target = target;
    this.#inserted = new BreakpointTable(link, target.accel);
    this.#control = new RunControl(link, target, this.#turns);
  }

  /** vCPU indexes, ascending. */
  get vcpus(): readonly number[] {
    return vcpusOf(this.#target);
  }

  /** The guest's state as far as this connection knows: a QMP `cont` is not reported, see `noteState`. */
  get state(): GuestState {
    return this.#link.state;
  }

  /** The vCPUs that run now; empty while the guest is stopped. The others are held. */
  get running(): readonly number[] {
    return this.#control.running;
  }

  /** Every stop since the connection was opened, oldest first; a live view of the last `stopsKept`. */
  get stops(): readonly GdbStop[] {
    return this.#link.stops.stops;
  }

  /** How many stops were forgotten because of `stopsKept`. */
  get stopsDropped(): number {
    return this.#link.stops.dropped;
  }

  /** Number of the latest resume; `GdbStop.resume` refers to it. */
  get resumes(): number {
    return this.#link.resumes;
  }

  /** Deviations from the protocol; a live view of the last `observationsKept`. */
  get observations(): readonly GdbObservation[] {
    return this.#link.observations.kept;
  }

  get observationsDropped(): number {
    return this.#link.observations.dropped;
  }

  /** What is inserted, in the order of insertion. */
  get breakpoints(): readonly Breakpoint[] {
    return this.#inserted.all;
  }

  /** Resolves with the reason when the connection is over. */
  get closed(): Promise<GdbClosedError> {
    return this.#link.over;
  }

  /** One vCPU's registers. */
  async readRegisters(vcpu: number, options: GdbCallOptions = {}): Promise<Registers> {
    return this.#alone(`read the registers of vCPU "${vcpu}"`, options, async (limits) => {
      await this.#select(vcpu, limits);
      return readRegisters(this.#link, this.#target.layout, limits);
    });
  }

  /**
   * Writes one register and verifies it by reading it back. A vCPU in `hlt` continues at a new RIP only when an
   * interrupt wakes it. Throws a GdbProtocolError when the register does not have the value afterwards (control
   * registers have bits that cannot be set), a RangeError when the value does not fit.
   */
  async writeRegister(
    vcpu: number,
    name: RegisterName,
    value: bigint,
    options: GdbCallOptions = {},
  ): Promise<void> {
    const { layout } = this.#target;
    await this.#alone(`write register "${name}" of vCPU "${vcpu}"`, options, async (limits) => {
      await this.#select(vcpu, limits);
      await writeRegister(this.#link, { name, value, layout }, limits);
      if (name === 'rip') this.#moved.add(vcpu);
    });
  }

  /**
   * Reads guest-virtual memory through the page tables of one vCPU (`vcpu`, default 0), as its CR3 is now: kernel
   * addresses are the same through all of them, unless page-table isolation has a vCPU in user mode.
   */
  async readMemory(
    address: bigint,
    length: number,
    options: GdbCallOptions & { readonly vcpu?: number | undefined } = {},
  ): Promise<Buffer> {
    const { packetBytes } = this.#target.features;
    return this.#alone(`read ${length} bytes at "0x${address.toString(16)}"`, options, async (limits) => {
      await this.#select(options.vcpu ?? 0, limits);
      return readMemory(this.#link, { address, length, packetBytes }, limits);
    });
  }

  /** Writes guest-virtual memory the same way, read-only pages included. */
  async writeMemory(
    address: bigint,
    bytes: Uint8Array,
    options: GdbCallOptions & { readonly vcpu?: number | undefined } = {},
  ): Promise<void> {
    const { packetBytes } = this.#target.features;
    await this.#alone(
      `write ${bytes.length} bytes at "0x${address.toString(16)}"`,
      options,
      async (limits) => {
        await this.#select(options.vcpu ?? 0, limits);
        await writeMemory(this.#link, { address, bytes, packetBytes }, limits);
      },
    );
  }

  /** Reads guest-physical memory, independent of the vCPUs' page tables. */
  async readPhysicalMemory(address: bigint, length: number, options: GdbCallOptions = {}): Promise<Buffer> {
    const { packetBytes } = this.#target.features;
    const what = `read ${length} bytes at physical "0x${address.toString(16)}"`;
    return this.#alone(what, options, (limits) =>
      withPhysicalAddresses(this.#link, limits, () =>
        readMemory(this.#link, { address, length, packetBytes }, limits),
      ),
    );
  }

  /** Writes guest-physical memory, independent of the vCPUs' page tables. */
  async writePhysicalMemory(address: bigint, bytes: Uint8Array, options: GdbCallOptions = {}): Promise<void> {
    const { packetBytes } = this.#target.features;
    const what = `write ${bytes.length} bytes at physical "0x${address.toString(16)}"`;
    await this.#alone(what, options, (limits) =>
      withPhysicalAddresses(this.#link, limits, () =>
        writeMemory(this.#link, { address, bytes, packetBytes }, limits),
      ),
    );
  }

  /**
   * Stops any vCPU before it executes the instruction at `address`. A vCPU that continues *at* the breakpoint stops
   * at once again: remove it, or `step` first. Setting it twice is one breakpoint.
   */
  async setBreakpoint(address: bigint, kind: BreakpointKind, options: GdbCallOptions = {}): Promise<void> {
    await this.#insert({ kind, address }, options);
  }

  async removeBreakpoint(address: bigint, kind: BreakpointKind, options: GdbCallOptions = {}): Promise<void> {
    await this.#remove({ kind, address }, options);
  }

  /** Stops any vCPU when it touches the bytes at `address`; the instruction has been executed then. */
  async setWatchpoint(address: bigint, watch: Watch, options: GdbCallOptions = {}): Promise<void> {
    await this.#insert({ kind: 'watchpoint', address, ...watch }, options);
  }

  async removeWatchpoint(address: bigint, watch: Watch, options: GdbCallOptions = {}): Promise<void> {
    await this.#remove({ kind: 'watchpoint', address, ...watch }, options);
  }

  /** Lets these vCPUs run; all others are held where they are. The guest's timers run. */
  async continueVcpus(vcpus: readonly number[], options: GdbCallOptions = {}): Promise<void> {
    for (const vcpu of vcpus) this.#moved.delete(vcpu);
    await this.#control.resume('c', vcpus, options);
  }

  /** Lets all vCPUs run. */
  async continueAll(options: GdbCallOptions = {}): Promise<void> {
    await this.continueVcpus(this.vcpus, options);
  }

  /**
   * Executes one instruction on one vCPU, all others held, and returns the stop. QEMU masks interrupts for it, under KVM
   * on hosts from Linux 5.15 on; a vCPU in `hlt` waits until one wakes it, with interrupts off forever, and under KVM so
   * does a vCPU that waits for its start-up IPI: the deadline passes and the guest counts as running; `interrupt` it.
   *
   * Under KVM a breakpoint at RIP ends a step before the instruction, so that it is taken out for the step; and a step
   * with another RIP than KVM has would not end, so that KVM gets a written one first (see `reenter`).
   */
  async step(vcpu: number, options: GdbCallOptions = {}): Promise<GdbStop> {
    if (this.#target.accel !== 'kvm') return this.#control.step(vcpu, options);
    if (this.#moved.delete(vcpu)) await this.reenter(vcpu, options);
    const { all } = this.#inserted;
    if (all.every(({ kind }) => kind === 'watchpoint')) return this.#control.step(vcpu, options);
    const { rip } = await this.readRegisters(vcpu, options);
    const here = all.filter(({ kind, address }) => kind !== 'watchpoint' && address === rip);
    for (const breakpoint of here) await this.#remove(breakpoint, options);
    try {
      return await this.#control.step(vcpu, options);
    } finally {
      if (here.length > 0) await this.interrupt();
      for (const breakpoint of here) await this.#insert(breakpoint, options);
    }
  }

  /**
   * Lets one vCPU enter the guest, and stops it before its next instruction, by a breakpoint at its RIP. For KVM: it
   * gives KVM the registers that were written, and QEMU what has happened to the vCPU since it stopped (the state of its
   * local APIC). Step mode compares RIP with the one that KVM has when the step is requested
   * (arch/x86/kvm/x86.c, kvm_arch_vcpu_ioctl_set_guest_debug() and __kvm_set_rflags(), Linux 6.1), and QEMU hands over
   * the registers only afterwards (accel/kvm/kvm-all.c, kvm_cpu_exec(), 7.2). A vCPU that takes interrupts may take one;
   * one in `hlt` does not stop: the deadline passes.
   */
  async reenter(vcpu: number, options: GdbCallOptions = {}): Promise<void> {
    const { rip } = await this.readRegisters(vcpu, options);
    const breakpoint = { kind: 'hardware', address: rip } as const;
    const isSet = this.#inserted.all.some(({ kind, address }) => kind !== 'watchpoint' && address === rip);
    if (!isSet) await this.#insert(breakpoint, options);
    try {
      await this.continueVcpus([vcpu], options);
      await this.waitForStop(options);
    } finally {
      await this.interrupt();
      if (!isSet) await this.#remove(breakpoint, options);
    }
  }

  /** Stops a running guest and returns the stop; `undefined` for a guest that is stopped already. */
  async interrupt(options: GdbCallOptions = {}): Promise<GdbStop | undefined> {
    return this.#control.interrupt(options);
  }

  /** The stop that ends the latest resume; it may have come already. Unrequested stops do not count. */
  async waitForStop(options: GdbCallOptions = {}): Promise<GdbStop> {
    return this.#control.waitForStop(options);
  }

  /**
   * To be called after a QMP `cont` (`running`), which the stub does not report, and after a QMP `stop` that is not
   * reported either (after 7.2, QEMU reports only the end of the stub's own resumes). It records no stop.
   */
  noteState(state: 'running' | 'stopped'): void {
    this.#control.noteState(state);
  }

  /** Releases the guest: interrupts it if it runs, removes all breakpoints, lets every vCPU run, and disconnects. */
  async detach(options: GdbCallOptions = {}): Promise<void> {
    const limits = this.#limits('detach', options);
    try {
      await this.interrupt(options);
      const { pid } = this.#target.threads.values().next().value ?? { pid: undefined };
      await this.#turns.take(limits, () =>
        command(this.#link, pid === undefined ? 'D' : `D;${pid.toString(16)}`, limits),
      );
      this.#inserted.forget();
    } finally {
      this.#link.end('it was detached from this side');
    }
  }

  /**
   * Ends the connection, once. Rejects when the guest could not be released; the connection is over in any case. A guest
   * that runs free of breakpoints is not disturbed.
   */
  async close(options: GdbCloseOptions = {}): Promise<void> {
    if (this.#link.state === 'closed') return;
    const free = this.running.length === this.vcpus.length && this.#inserted.all.length === 0;
    if (options.guest === 'leave' || free) this.#link.end('it was closed from this side');
    else await this.detach(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #insert(breakpoint: Breakpoint, options: GdbCallOptions): Promise<void> {
    const what = `set ${describeBreakpoint(breakpoint)}`;
    await this.#alone(what, options, (limits) => this.#inserted.insert(breakpoint, limits));
  }

  async #remove(breakpoint: Breakpoint, options: GdbCallOptions): Promise<void> {
    const what = `remove ${describeBreakpoint(breakpoint)}`;
    await this.#alone(what, options, (limits) => this.#inserted.remove(breakpoint, limits));
  }

  #select(vcpu: number, limits: Limits): Promise<void> {
    return select(this.#link, { purpose: 'g', thread: threadOf(this.#target, vcpu) }, limits);
  }

  #limits(what: string, options: GdbCallOptions): Limits {
    return startLimits(what, options, this.#target.deadlineMs);
  }

  #alone<T>(what: string, options: GdbCallOptions, run: (limits: Limits) => Promise<T>): Promise<T> {
    const limits = this.#limits(what, options);
    return this.#turns.take(limits, () => run(limits));
  }
}
