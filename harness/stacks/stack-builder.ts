import {
  type CpuStack,
  entryOf,
  type Interruption,
  MOST_FRAMES,
  type StackForm,
  type StackFrame,
  withInterruptions,
} from './cpu-stack.js';

/** What prints the stack of a CPU from an NMI (lib/nmi_backtrace.c, v6.1): no part of what the CPU was doing. */
const BACKTRACE_PRINTER = /^(?:nmi_cpu_backtrace\w*|nmi_trigger_cpumask_backtrace|arch_trigger_\w+)$/;

/** Takes down the stack of one CPU, innermost frame first. */
export class StackBuilder {
  readonly form: StackForm;
  readonly #cpu: number | undefined;
  readonly #name: string | undefined;
  readonly #line: number;
  readonly #frames: StackFrame[] = [];
  #start: StackFrame | undefined;
  #interruptedBy: Interruption | undefined;

  constructor(
    form: StackForm,
    { cpu, name, line }: { cpu: number | undefined; name?: string | undefined; line: number },
  ) {
    this.form = form;
    this.#cpu = cpu;
    this.#name = name;
    this.#line = line;
  }

  get length(): number {
    return this.#frames.length;
  }

  /** The report shows where the CPU was; its trace may begin with what printed it. */
  startAt(frame: StackFrame): void {
    this.#start = frame;
  }

  push(frame: StackFrame): void {
    if (this.#frames.length >= MOST_FRAMES) return;
    // An entry function on the interrupted stack says itself what it is.
    const by = frame.reliable && entryOf(frame.function) === undefined ? this.#interruptedBy : undefined;
    if (frame.reliable) this.#interruptedBy = undefined;
    const last = this.#frames.at(-1);
    // The registers in the middle of a trace name what its next frame may name again.
    if (last?.interruptedBy !== undefined && isSame(last, frame)) return;
    this.#frames.push(by === undefined ? frame : { ...frame, interruptedBy: frame.interruptedBy ?? by });
  }

  /** What follows was interrupted. */
  interrupted(by: Interruption): void {
    const last = this.#frames.findLast(({ reliable }) => reliable);
    // The registers that stand before the mark have named it already.
    if (last !== undefined && last.interruptedBy === undefined) this.#interruptedBy = by;
  }

  pushInterrupted(frame: StackFrame): void {
    const by = this.#interruptedBy ?? 'exception';
    const marked = withInterruptions([...this.#frames, frame]).at(-1)?.interruptedBy ?? by;
    this.#interruptedBy = undefined;
    this.push({ ...frame, interruptedBy: marked });
  }

  /** The finished stack; undefined without a frame. `number` names one whose CPU is not known. */
  stack(number: number): CpuStack | undefined {
    const marked = withInterruptions(this.#frames);
    const frames = withoutPrinter(this.#start === undefined ? marked : from(this.#start, marked));
    if (frames.length === 0) return undefined;
    return {
      cpu: this.#cpu,
      name: this.#name ?? (this.#cpu === undefined ? `stack ${number}` : `CPU ${this.#cpu}`),
      form: this.form,
      line: this.#line,
      frames,
      loops: false,
      acquired: false,
      locks: [],
    };
  }
}

/**
 * A trace that begins at known registers: frames before them are left over from what printed it, and marked `?`
 * (arch/x86/kernel/dumpstack.c, show_trace_log_lvl(), v6.1).
 */
function from(start: StackFrame, frames: readonly StackFrame[]): StackFrame[] {
  const first = frames.findIndex(({ reliable }) => reliable);
  const rest = first === -1 ? frames : frames.slice(first);
  const [next] = rest;
  return next !== undefined && isSame(start, next)
    ? [start, ...rest.slice(1)]
    : [start, ...rest.map((frame, index) => (index === 0 ? { ...frame, interruptedBy: undefined } : frame))];
}

/** Without the handler that printed the stack, when that was all the NMI did. */
function withoutPrinter(frames: readonly StackFrame[]): StackFrame[] {
  const below = frames.findIndex(({ interruptedBy }) => interruptedBy === 'nmi');
  if (below <= 0) return [...frames];
  const printed = frames.slice(0, below).some((frame) => BACKTRACE_PRINTER.test(frame.function));
  return printed ? frames.slice(below) : [...frames];
}

function isSame(a: StackFrame, b: StackFrame): boolean {
  return (
    a.function === b.function && (a.offset === undefined || b.offset === undefined || a.offset === b.offset)
  );
}
