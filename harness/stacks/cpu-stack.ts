/** What ended a stretch of code on a CPU: an NMI, a device's or another CPU's interrupt, an exception. */
export type Interruption = 'nmi' | 'interrupt' | 'exception';

/** One function of a stack. */
export interface StackFrame {
  readonly function: string;
  /** Into the function and its size, bytes; absent where the text has names only. */
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
  /** False for a word of the stack that may be left over (`?` in the kernel's traces). */
  readonly reliable: boolean;
  /** What interrupted the function here; absent where it called the frame above. */
  readonly interruptedBy?: Interruption | undefined;
}

/** The forms of text in which stacks come. */
export type StackForm = 'kernel log' | 'crash' | 'debugger' | 'mail' | 'run' | 'autopsy';

/** What one CPU was doing. */
export interface CpuStack {
  /** As the text counts it; absent where it does not say. */
  readonly cpu?: number | undefined;
  /** As a reader finds it again: `CPU4`, `CPU A`, `stack 2`. */
  readonly name: string;
  readonly form: StackForm;
  /** Where it begins in the text, from 1; 0 without a text. */
  readonly line: number;
  /** Innermost first. */
  readonly frames: readonly StackFrame[];
  /** The text says that the innermost function never returns. */
  readonly loops: boolean;
  /** The text says that the interrupted lock call had the lock already. */
  readonly acquired: boolean;
  /** Variables that the text shows in lock calls, innermost first: `ioapic_lock`. */
  readonly locks: readonly string[];
}

/** The most that is read of a text; more stacks, frames or names are left out. */
export const MOST_STACKS = 256;
export const MOST_FRAMES = 128;

/** The form of a name that a scenario may have; other words of a text, an autopsy or a recording are no functions. */
export const SYMBOL_NAME = /^[A-Za-z_][\w.]{0,127}$/;

/** An NMI's first function, in assembler or C (arch/x86/entry/entry_64.S, v2.6.32 to v6.12). */
const NMI_ENTRY =
  /^(?:(?:asm_)?exc_nmi(?:_kvm_vmx|_noist)?|end_repeat_nmi|repeat_nmi|first_nmi|nmi|nested_nmi)$/;
/** An interrupt's (arch/x86/include/asm/idtentry.h, v6.1; entry_64.S before v5.8; FRED since v6.9). */
const INTERRUPT_ENTRY =
  /^(?:asm_(?:common_interrupt|spurious_interrupt|sysvec_\w+)|ret_from_intr|common_interrupt|irq_entries_start|(?:apic_timer|reschedule|call_function(?:_single)?|reboot|error|spurious|thermal|threshold|irq_work|x86_platform_ipi)_interrupt|fred_extint)$/;
/** An exception's. */
const EXCEPTION_ENTRY =
  /^(?:asm_exc_\w+|async_page_fault|page_fault|general_protection|invalid_op|divide_error|int3|double_fault|machine_check|error_entry|fred_hwexc)$/;

/** Which interruption begins with that function; undefined for an ordinary one. */
export function entryOf(name: string): Interruption | undefined {
  if (NMI_ENTRY.test(name)) return 'nmi';
  if (INTERRUPT_ENTRY.test(name)) return 'interrupt';
  return EXCEPTION_ENTRY.test(name) ? 'exception' : undefined;
}

/** Marks what was interrupted: the frame below the last entry function of a run of them. Pure. */
export function withInterruptions(frames: readonly StackFrame[]): StackFrame[] {
  let by: Interruption | undefined;
  return frames.map((frame) => {
    const entry = entryOf(frame.function);
    if (entry !== undefined) {
      by = entry;
      return frame;
    }
    if (by === undefined || !frame.reliable) return frame;
    const marked = { ...frame, interruptedBy: frame.interruptedBy ?? by };
    by = undefined;
    return marked;
  });
}

/** What ran on a CPU until something interrupted it; the innermost context is what runs now. */
export interface Context {
  /** What interrupted it; absent for the innermost one. */
  readonly interruptedBy: Interruption | undefined;
  /** Innermost first; reliable ones only. */
  readonly frames: readonly StackFrame[];
}

/** The contexts of a stack, innermost first. Frames that may be left over are not part of any. Pure. */
export function contextsOf({ frames }: Pick<CpuStack, 'frames'>): Context[] {
  const contexts: { interruptedBy: Interruption | undefined; frames: StackFrame[] }[] = [];
  for (const frame of frames.filter(({ reliable }) => reliable)) {
    const last = contexts.at(-1);
    if (last === undefined || frame.interruptedBy !== undefined)
      contexts.push({ interruptedBy: frame.interruptedBy, frames: [frame] });
    else last.frames.push(frame);
  }
  return contexts;
}

/** The names of a context's or stack's functions. */
export function functionsOf({ frames }: { readonly frames: readonly StackFrame[] }): string[] {
  return frames.map((frame) => frame.function);
}
