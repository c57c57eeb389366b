import { z } from 'zod';
import { PLACES } from './place.js';

/** An address or a register: 16 hexadecimal digits without prefix. */
const HexSchema = z.string().regex(/^[\da-f]{1,16}$/);
/** A name of the kernel, as its symbol table has it. */
const NameSchema = z.string().max(512);

/** Most vCPUs, frames and lines that an autopsy keeps; what was left out is counted in `unknown`. */
export const MOST_VCPUS = 512;
export const MOST_FRAMES = 64;
export const MOST_LINES = 64;

/** One frame of a stack, as symbols/stack-walk.ts found it. */
export const FrameSchema = z.object({
  address: HexSchema,
  /** `mask_ioapic_irq+0x17/0x42 [module]`; the bare address without a symbol. */
  label: NameSchema,
  /** The function without offset; absent without a symbol. */
  function: NameSchema.optional(),
  /** How it was found; `text`: a log or a mail shows it. */
  source: z.enum(['registers', 'orc', 'frame-pointer', 'call-match', 'scan', 'text']),
  /** False: a word that follows a call, but may be left over from an earlier one. */
  reliable: z.boolean(),
  /** An interrupt, an exception or an NMI hit here; otherwise the address is where a call returns to. */
  interrupted: z.boolean(),
  /** What hit there, of an interrupted frame below a handler. */
  hitBy: z.enum(['NMI', 'exception', 'interrupt']).optional(),
});
export type AutopsyFrame = z.infer<typeof FrameSchema>;

/** One vCPU of a stopped machine. A dump has CPUs of the crashed kernel instead; they count the same way. */
export const AutopsyVcpuSchema = z.object({
  vcpu: z.number().int().nonnegative(),
  /** `parked`: halted with interrupts off; `asleep`: halted with interrupts on; `off`: never started; `unknown`: a dump does not tell. */
  state: z.enum(['parked', 'asleep', 'running', 'off', 'unknown']),
  /** The choreography holds it where it is; its state is what it would go on with. */
  held: z.literal(true).optional(),
  interruptsOn: z.boolean(),
  place: z.enum(PLACES),
  /** By name as QEMU's gdbstub has them (`rip`, `cr3`); those that are known. */
  registers: z.record(z.string().max(16), HexSchema),
  /** Innermost first. Empty in user mode, in firmware, and without symbols. */
  frames: z.array(FrameSchema).max(MOST_FRAMES),
  /** The bottom of the stack or user space was reached. */
  complete: z.boolean(),
  /** Why the reliable part of the stack ended where it did. */
  ended: z.string().max(512),
  /** What it does there for ever, as far as its code shows: `3 instructions in a loop, which read nothing`. */
  loop: z.string().max(1024).optional(),
});
export type AutopsyVcpu = z.infer<typeof AutopsyVcpuSchema>;

/** The functions of a vCPU's stack, innermost first, `? ` in front of those that are not certain. */
export function stackNames({ frames }: AutopsyVcpu): readonly string[] {
  return frames.map(({ function: name, label, reliable }) =>
    name === undefined ? label : reliable ? name : `? ${name}`,
  );
}

/** A vCPU that waits for a lock, and who holds it. */
export const LockWaitSchema = z.object({
  vcpu: z.number().int().nonnegative(),
  lock: z.object({
    /** The variable; absent where no symbol covers the address. */
    name: NameSchema.optional(),
    address: HexSchema.optional(),
    /** Its word as memory has it. */
    word: HexSchema.optional(),
  }),
  /** The locking function, outermost: `_raw_spin_lock_irqsave`. */
  function: NameSchema.optional(),
  /** The function that takes the lock: `ioapic_read_entry`. */
  takenIn: NameSchema.optional(),
  holder: z
    .object({
      vcpu: z.number().int().nonnegative(),
      /** What was interrupted while it held the lock: `mask_ioapic_irq`. */
      interruptedIn: NameSchema.optional(),
      /** Where it is now: `crash_nmi_callback`. */
      sitsIn: NameSchema.optional(),
      /** What names it; one statement that a reader can check. */
      /** The function that has taken it, and has not released it: `up`. */
      heldIn: NameSchema.optional(),
      proof: z.string().max(512),
      /** The proof leaves no other holder; otherwise it is the likely one, and the text says so. */
      certain: z.boolean(),
    })
    .optional(),
});
export type LockWait = z.infer<typeof LockWaitSchema>;

/** A kernel in the memory of the machine. */
export const AutopsyKernelSchema = z.object({
  side: z.enum(['production', 'capture']),
  release: z.string().max(256).optional(),
  /** What KASLR moved it by. */
  offset: HexSchema.optional(),
  /** Where its symbols are from: `the guest's memory`, a file, the cache. */
  symbols: z.string().max(512),
});

/**
 * What a stopped machine shows: the vCPUs of a run, of a QEMU that another program started, or the CPUs of a dump.
 * Everything in it was read; what could not be read is named in `unknown`.
 */
export const AutopsySchema = z.object({
  version: z.literal(1),
  kernels: z.array(AutopsyKernelSchema).max(2),
  vcpus: z.array(AutopsyVcpuSchema).max(MOST_VCPUS),
  waits: z.array(LockWaitSchema).max(MOST_VCPUS),
  /** The interrupt controllers, decoded, one line each. */
  interrupts: z.array(z.string().max(1024)).max(MOST_VCPUS + 2 * MOST_LINES),
  /** In plain words, the most important one first. */
  findings: z.array(z.string().max(2048)).max(MOST_LINES),
  /** What could not be read, and why. */
  unknown: z.array(z.string().max(1024)).max(MOST_LINES),
});
export type Autopsy = z.infer<typeof AutopsySchema>;
