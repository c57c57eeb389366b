import { z } from 'zod';
import { AutopsySchema } from './autopsy.js';
import { SavedDumpFactSchema } from './distribution.js';
import { PLACES } from './place.js';
import { BootReasonSchema } from './start.js';
import { TracedFactSchema, WalkedFactSchema } from './instruction-trace.js';
import { LockTakersFactSchema } from './lock-takers.js';
import { LockedFactSchema } from './locked-instructions.js';
import { hexadecimal, MOST_NAME_CHARACTERS, RecordedFactSchema } from './recorded-calls.js';

/** Version of everything stored in a run directory; raised when a reader of the old form would misread the new one. */
export const STORE_SCHEMA = 1;

/** The guest's two UARTs: kernel output, and the control channel that only crashpath's own init uses. */
export const CHANNELS = ['console', 'control'] as const;
export type Channel = (typeof CHANNELS)[number];

/** An ELF file of symbols at the addresses of this boot, in the run directory, and the addresses of its kernel's image. */
export const SymbolFileSchema = z.object({
  file: z.string().regex(/^[\w-]{1,64}\.elf$/),
  text: z.string().regex(/^0x[0-9a-f]{16}$/),
  end: z.string().regex(/^0x[0-9a-f]{16}$/),
});
export type SymbolFile = z.infer<typeof SymbolFileSchema>;

/** What the host did or saw, as plain facts; they are evidence like the guest's output. */
export const HostFactSchema = z.discriminatedUnion('fact', [
  /** `host`: where it runs; absent for this host. */
  z.object({ fact: z.literal('qemu-started'), pid: z.number(), host: z.string().optional() }),
  /** The host on which the machine runs is lost: the connection broke, or nothing came through it. */
  z.object({ fact: z.literal('host-lost'), host: z.string(), why: z.string() }),
  /** `said`: the end of the output of a preparation that failed. */
  z.object({
    fact: z.literal('prepared'),
    what: z.string(),
    status: z.number(),
    said: z.string().optional(),
  }),
  z.object({ fact: z.literal('proof'), what: z.string(), proved: z.boolean(), saw: z.string() }),
  z.object({ fact: z.literal('fired'), how: z.string() }),
  /** vCPUs that stood in 64-bit code when an INIT reset them: those that a capture kernel started, ascending. */
  z.object({ fact: z.literal('inits'), vcpus: z.array(z.number().int().min(0)) }),
  /** The interrupt controllers right before firing: HMP `info pic`, and `info lapic` of each vCPU, verbatim. */
  z.object({
    fact: z.literal('interrupt-state'),
    pic: z.string(),
    lapics: z.array(z.object({ vcpu: z.number(), text: z.string() })),
    /** Under KVM, of vCPUs that were held: each text is as old as the vCPU's stop. */
    lapicsOf: z.literal('stop').optional(),
  }),
  /** How much an interrupt source outside the guest has done so far. */
  z.object({
    fact: z.literal('source'),
    source: z.string(),
    state: z.enum(['started', 'at-firing', 'stopped', 'failed']),
    /** Messages or pulses. */
    count: z.number(),
    forMs: z.number(),
    why: z.string().optional(),
  }),
  /** A step of a choreography ended, counted from 1; when it failed, an unproved proof follows. */
  z.object({
    fact: z.literal('step'),
    index: z.number(),
    verb: z.string(),
    saw: z.string(),
    tookMs: z.number(),
  }),
  /** A directed call has returned: its arguments and its result (RAX), hexadecimal. */
  z.object({
    fact: z.literal('called'),
    function: z.string(),
    args: z.array(hexadecimal).max(6),
    /** The arguments by name, `ioapic_lock+0x0/0x8`, or as numbers; absent in older recordings, as is the vCPU. */
    names: z.array(z.string().max(MOST_NAME_CHARACTERS)).max(6).optional(),
    vcpu: z.number().int().nonnegative().optional(),
    returned: hexadecimal,
  }),
  TracedFactSchema,
  WalkedFactSchema,
  RecordedFactSchema,
  LockTakersFactSchema,
  LockedFactSchema,
  /** A choreography has written to a variable of the kernel; hexadecimal values of that width. */
  z.object({
    fact: z.literal('set'),
    variable: z.string().max(MOST_NAME_CHARACTERS),
    address: z.string(),
    bytes: z.number(),
    was: z.string(),
    to: z.string(),
  }),
  /** The stack of a vCPU of a hung guest, innermost function first. */
  z.object({ fact: z.literal('stack'), vcpu: z.number(), functions: z.array(z.string()), line: z.string() }),
  /**
   * What the threads of the machine's process got from the host, cumulative milliseconds: time on a CPU, and time in
   * which they could have run and did not (Linux, /proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst).
   * `main` is the thread that runs QEMU's timers and devices.
   */
  z.object({
    fact: z.literal('host-time'),
    threads: z.array(z.object({ thread: z.string().max(32), ranMs: z.number(), waitedMs: z.number() })),
  }),
  /** A guest that seemed to hang was stopped and examined; the machine continued unless it is `hung`. */
  z.object({
    fact: z.literal('examination'),
    finding: z.enum(['hung', 'waiting', 'working', 'unknown']),
    /** Of a hang. */
    shape: z.enum(['all-vcpus-halted', 'spin', 'idle-forever']).optional(),
    /** The argument, one sentence. */
    why: z.string(),
    vcpus: z.array(
      z.object({
        vcpu: z.number(),
        state: z.enum(['parked', 'asleep', 'running', 'off', 'held']),
        place: z.enum(PLACES),
        rip: z.string(),
        /** `native_machine_crash_shutdown+0x42/0x160`, where the symbols are known. */
        where: z.string().optional(),
        /** What was seen, one statement each: the loop's instructions, memory that it reads, timers. */
        saw: z.array(z.string()),
      }),
    ),
    tookMs: z.number(),
  }),
  /** Where a vCPU was at the end of a run without a capture. */
  z.object({
    fact: z.literal('last-place'),
    vcpu: z.number(),
    place: z.enum(PLACES),
    rip: z.string(),
    halted: z.boolean(),
    interruptsOn: z.boolean(),
    where: z.string().optional(),
    /** From the last sample, because KVM has re-initialised the vCPU; absent: from the machine at its end. */
    seen: z.literal('last-sample').optional(),
  }),
  /**
   * The guest is a clone: what is recorded before is its template's boot, which took `tookMs`. `template` names the
   * template's own recording, in the campaign.
   */
  z.object({ fact: z.literal('cloned'), template: z.string().max(300), tookMs: z.number() }),
  /** The guest booted, in a campaign whose runs can begin as clones; `saw`: what failed. */
  z.object({
    fact: z.literal('booted'),
    why: BootReasonSchema,
    saw: z.string().max(1000).optional(),
  }),
  /** What the stopped machine showed at the end of a run without a capture. */
  z.object({ fact: z.literal('autopsy'), autopsy: AutopsySchema }),
  /** The first kernel's symbols, where the run had to read them from the guest for the autopsy. */
  z.object({ fact: z.literal('symbols'), state: z.enum(['reading', 'known', 'unknown']), saw: z.string() }),
  /** A kernel's own log, read from the guest's memory; the newest lines, as `dmesg` prints them. */
  z.object({ fact: z.literal('kernel-log'), side: z.enum(['production', 'capture']), text: z.string() }),
  /** The first kernel's variable `panic_cpu` at the end of a run without a capture: -1 when no CPU is in panic(). */
  z.object({ fact: z.literal('panic-cpu'), cpu: z.number() }),
  /** QEMU has given the guest up, and what it printed does not show that the host failed. */
  z.object({
    fact: z.literal('given-up'),
    /** QEMU's run state (qapi/run-state.json). */
    state: z.string(),
    whose: z.enum(['guest', 'unknown']),
    why: z.string(),
  }),
  /** Why the machine reset or powered off, as far as the machine shows it. */
  z.object({
    fact: z.literal('reset-cause'),
    cause: z.enum(['triple-fault', 'other-reset', 'power-off']),
    /** The vCPU that caused it; absent when the machine does not show it. */
    vcpu: z.number().optional(),
    saw: z.string(),
  }),
  /** The crashed kernel's memory was summed, with the machine stopped and a vCPU on its way to the capture kernel. */
  z.object({
    fact: z.literal('memory-at-jump'),
    /** How far the furthest vCPU was. */
    place: z.enum(PLACES),
    pages: z.number(),
    tookMs: z.number(),
  }),
  /** The crashed kernel's memory as the host sees it, compared with what the capture kernel read of it. */
  z.object({
    fact: z.literal('memory-compared'),
    chunkBytes: z.number(),
    /** Chunks of the vmcore whose every byte was compared, by checksum; those that differ though no page is missing. */
    compared: z.number(),
    differing: z.number(),
    /** Chunks of which the host does not know every byte; their zero pages were counted all the same. */
    partly: z.number(),
    /** Pages that hold data in memory and are zero in the vmcore, could not be read, or lie in no segment of it. */
    pagesMissing: z.number(),
    /** Pages that hold data in memory. */
    dataPages: z.number(),
    /** The notes of the crash image are not those of the vmcore; absent: they were not compared. */
    notesDiffer: z.boolean().optional(),
    /** Segments whose virtual address is not that of the crash image; absent: they were not compared. */
    addressesDiffer: z.number().optional(),
    /** Pages that do not hold what they held at the jump; absent: that is not known. */
    pagesChanged: z.number().optional(),
    saw: z.string(),
  }),
  /** The guest was asked whether it is alive: after the watch, or seconds after the first line of a panic. */
  z.object({
    fact: z.literal('watch-ended'),
    answered: z.boolean(),
    /** It was asked after a panic was seen. */
    afterPanic: z.literal(true).optional(),
  }),
  z.object({
    fact: z.literal('deadline'),
    what: z.string(),
    limitMs: z.number(),
    /** How long was waited: in the guest's own time, and in the host's. Absent in older recordings. */
    ownMs: z.number().optional(),
    wallMs: z.number().optional(),
    /** The limit of the whole run, which counts the host's time. */
    backstop: z.literal(true).optional(),
  }),
  z.object({ fact: z.literal('channel-limit'), channel: z.enum(CHANNELS), limitBytes: z.number() }),
  z.object({
    fact: z.literal('qemu-exit'),
    code: z.number().nullable(),
    signal: z.string().nullable(),
    /** True when crashpath asked for it. */
    asked: z.boolean(),
    stderr: z.string(),
  }),
  z.object({ fact: z.literal('interrupted'), by: z.string() }),
  z.object({
    fact: z.literal('harness-fault'),
    message: z.string(),
    /** The stack trace with its causes; for a bug of crashpath. */
    stack: z.string().optional(),
    /** After the run, something could not be undone: this does not change what the run showed. */
    afterRun: z.literal(true).optional(),
  }),
  /** A dump of the crashed memory is in the run directory, or why there is none. */
  z.object({
    fact: z.literal('vmcore-kept'),
    /** Who wrote it: the capture kernel's makedumpfile, a distribution's kdump service, or QEMU, from outside. */
    source: z.enum(['capture-kernel', 'distribution', 'outside']),
    file: z.string(),
    format: z.literal('kdump-compressed'),
    bytes: z.number(),
    pages: z.number(),
    /** Kinds of pages that were left out (makedumpfile -d). QEMU leaves none out, and says 1: zero pages take no room. */
    level: z.number(),
    /** Without VMCOREINFO crash needs a vmlinux to find a kernel that KASLR moved, and drgn does not open the dump. */
    vmcoreinfo: z.boolean(),
    /** Why it is from outside, although a capture kernel came up. */
    why: z.string().optional(),
  }),
  z.object({ fact: z.literal('vmcore-not-kept'), why: z.string() }),
  SavedDumpFactSchema,
  /** The dead guest stays up after the run, in the care of its supervisor; or why it does not. */
  z.object({
    fact: z.literal('guest-kept'),
    pid: z.number(),
    forMinutes: z.number(),
    symbols: z.array(SymbolFileSchema),
  }),
  z.object({ fact: z.literal('guest-not-kept'), why: z.string() }),
  /** Last line of every complete recording. */
  z.object({ fact: z.literal('ended'), why: z.string() }),
]);

export type HostFact = z.infer<typeof HostFactSchema>;

/**
 * What every record carries: its sequence number in the order of arrival, and its time of arrival in milliseconds since
 * the run began (monotonic).
 */
const stamp = { seq: z.number().int(), atMs: z.number() };

/** Arrival of bytes on a channel; the bytes themselves are in `<channel>.bin`. */
export const ChunkSchema = z.object({
  ...stamp,
  channel: z.enum(CHANNELS),
  offset: z.number().int(),
  length: z.number().int(),
});
export type Chunk = z.infer<typeof ChunkSchema>;

export const QmpRecordSchema = z.object({
  ...stamp,
  direction: z.enum(['in', 'out']),
  message: z.record(z.string(), z.unknown()),
});
export type QmpRecord = z.infer<typeof QmpRecordSchema>;

/** The lines of HMP `info registers -a` that matter, unparsed. */
export const SampleSchema = z.object({ ...stamp, text: z.string() });
export type Sample = z.infer<typeof SampleSchema>;

export const HostRecordSchema = z.object(stamp).and(HostFactSchema);
export type HostRecord = z.infer<typeof HostRecordSchema>;

/** One record of the recording in the order of arrival; times are milliseconds since the run began. */
export type RunRecord =
  | { readonly kind: 'chunk'; readonly atMs: number; readonly channel: Channel; readonly bytes: Buffer }
  | { readonly kind: 'qmp'; readonly line: number; readonly record: QmpRecord }
  | { readonly kind: 'sample'; readonly line: number; readonly record: Sample }
  | { readonly kind: 'host'; readonly line: number; readonly record: HostRecord };

/** When a record was made, milliseconds since the run began. */
export function atMsOf(record: RunRecord): number {
  return record.kind === 'chunk' ? record.atMs : record.record.atMs;
}
