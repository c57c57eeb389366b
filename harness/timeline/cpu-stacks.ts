import { FUNCTION_AT, kernelMessage } from './printk.js';

/** A frame of a stack as printed. */
export interface StackFrame {
  readonly function: string;
  /** `mask_ioapic_irq+0x17/0x42 [module]`. */
  readonly label: string;
  /** An interrupt, an exception or an NMI came here; otherwise it is where a call returns to. */
  readonly interrupted: boolean;
}

/** A CPU's stack as a kernel's report prints it. */
export interface CpuStack {
  /** The CPU's number; absent when the report does not name it. */
  readonly cpu?: number | undefined;
  /** The process on it, as printed; absent when the report does not name it. */
  readonly comm?: string | undefined;
  /** Innermost first, without addresses that the unwinder considers unreliable. */
  readonly frames: readonly StackFrame[];
}

/** A stack, with a mark of the caller's for the line where it begins. */
export interface PlacedStack<Mark> extends CpuStack {
  readonly at: Mark;
}

/** Collects stacks from console lines in order. */
export interface StackReader<Mark> {
  line(text: string, at: Mark): void;
  /** The newest stacks, in the order of their beginnings; those without a function are left out. */
  stacks(): PlacedStack<Mark>[];
}

/** The newest stacks that are kept, and the frames of one. */
const MOST_STACKS = 128;
const MOST_FRAMES = 64;

/** With CONFIG_PRINTK_CALLER: lines of two CPUs that print at once are told apart by it. */
const CALLER = /\[ *([CT]\d{1,10})\] /;
/** arch/x86/kernel/nmi.c and lib/nmi_backtrace.c, nmi_cpu_backtrace() (v6.1). */
const NMI_BACKTRACE = kernelMessage(String.raw`NMI backtrace for cpu (\d{1,5})`);
/** lib/dump_stack.c, dump_stack_print_info(); "Pid: 491, comm: x" before v3.10. */
const CPU_LINE = kernelMessage(
  String.raw`(?:CPU: (\d{1,5}) (?:UID: \d+ )?PID: \d+ Comm: (.{1,20}?) (?:Kdump: loaded |Not tainted|Tainted: |\[)|Pid: \d+, comm: (\S{1,20}))`,
);
/** arch/x86/kernel/dumpstack.c, show_iret_regs(): the interrupted instruction of the kernel (v6.1; "RIP: 0010:[<...>]" before v4.10). */
const INTERRUPTED = kernelMessage(
  String.raw`RIP: (?:0010|e030):(?:\[<[\da-f]{8,16}>\]  ?(?:\[<[\da-f]{8,16}>\] )?)?${FUNCTION_AT}[\da-f]+/0x[\da-f]+(?: \[[\w-]{1,64}\])?`,
);
/** arch/x86/kernel/dumpstack.c, printk_stack_address(); " [<ffffffff8124e424>] name+0x94/0xa0" before v4.10. */
const FRAME = kernelMessage(
  String.raw` ?(?:\[<[\da-f]{8,16}>\] )?${FUNCTION_AT}[\da-f]+/0x[\da-f]+(?: \[[\w-]{1,64}\])?`,
);
/** What begins a list of frames, and the marks between its parts. */
const CALL_TRACE = kernelMessage(String.raw`Call [Tt]race:`);
const MARK = kernelMessage(
  String.raw` ?</?(?:TASK|IRQ|NMI|EOI|EOE|SOFTIRQ|#DF|NMI_STACK|IRQ_STACK|ENTRY_TRAMPOLINE)>`,
);
/** An unreliable address: it is no frame, and ends no list. */
const UNRELIABLE = kernelMessage(String.raw` ?(?:\[<[\da-f]{8,16}>\] )?\? `);

interface Open<Mark> {
  cpu?: number | undefined;
  comm?: string | undefined;
  frames: StackFrame[];
  at: Mark;
  inTrace: boolean;
}

/** A reader for one kernel's reports. Pure; bounded by the newest {@link MOST_STACKS} stacks. */
export function createStackReader<Mark>(): StackReader<Mark> {
  const found: Open<Mark>[] = [];
  const open = new Map<string, Open<Mark>>();

  function begin(caller: string, at: Mark): Open<Mark> {
    const stack: Open<Mark> = { frames: [], at, inTrace: false };
    open.set(caller, stack);
    // A caller is a task or a CPU, and a hostile log can name many.
    if (open.size > MOST_STACKS) open.delete(open.keys().next().value ?? '');
    found.push(stack);
    if (found.length > MOST_STACKS) found.shift();
    return stack;
  }

  return {
    line(text, at) {
      if (!/CPU: |RIP: |backtrace|race:|\+0x|Pid: |<\/?[A-Z#]/.test(text)) return;
      const caller = CALLER.exec(text)?.[1] ?? '';
      const current = open.get(caller);
      const backtrace = NMI_BACKTRACE.exec(text);
      if (backtrace !== null) {
        begin(caller, at).cpu = Number(backtrace[1]);
        return;
      }
      const header = CPU_LINE.exec(text);
      if (header !== null) {
        // The line behind "NMI backtrace for cpu N" belongs to that backtrace.
        const fresh = current !== undefined && current.frames.length === 0 && current.comm === undefined;
        const stack = fresh ? current : begin(caller, at);
        if (header[1] !== undefined) stack.cpu = Number(header[1]);
        stack.comm = (header[2] ?? header[3] ?? '').trim();
        return;
      }
      const interrupted = frameIn(INTERRUPTED, text, true);
      if (interrupted !== undefined) {
        // Behind an interrupt's frames it is what was interrupted, and follows them.
        const stack = current ?? begin(caller, at);
        if (stack.frames.length < MOST_FRAMES && stack.frames.at(-1)?.label !== interrupted.label)
          stack.frames.push(interrupted);
        return;
      }
      if (CALL_TRACE.test(text)) {
        const stack = current ?? begin(caller, at);
        stack.inTrace = true;
        return;
      }
      if (current?.inTrace !== true) return;
      if (MARK.test(text) || UNRELIABLE.test(text)) return;
      const frame = frameIn(FRAME, text, false);
      if (frame === undefined) return;
      if (current.frames.length < MOST_FRAMES) current.frames.push(frame);
    },
    stacks: () =>
      found.filter(({ frames }) => frames.length > 0).map(({ inTrace: _inTrace, ...stack }) => stack),
  };
}

/** The frame of a line: its function, and the text from there on. */
function frameIn(pattern: RegExp, text: string, interrupted: boolean): StackFrame | undefined {
  const match = pattern.exec(text);
  const name = match?.[1];
  if (match === null || name === undefined) return undefined;
  return { function: name, label: match[0].slice(match[0].lastIndexOf(`${name}+`)), interrupted };
}

/** The functions of a stack, innermost first. */
export function functionsOf({ frames }: Pick<CpuStack, 'frames'>): string[] {
  return frames.map((frame) => frame.function);
}
